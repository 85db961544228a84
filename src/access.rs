//! Who may do what: principals, roles and levels as a policy says them, one rule for each method, and the decision. Values
//! in, values out: knows nothing of connections, files, clocks or histories.
//!
//! A method without a rule is refused, and so is whatever a rule, a level or a role does not say. What only a reader of
//! the log can tell, whose matter it is, is asked of [`Caller::may`] before anything of the matter is answered.

mod caller;
mod custody;
mod guard;
mod level;
mod policy;
mod rules;
mod token;

pub use caller::Caller;
pub use caller::Coded;
pub use caller::Denied;
pub use caller::LOCAL;
pub use caller::Matter;
pub use caller::Notes;
pub use caller::Presented;
pub use caller::decide;
pub use custody::Custody;
pub use custody::OFFER_S;
pub use custody::ProtectedPart;
pub use guard::Guard;
pub use guard::Peer;
pub use guard::Refused;
pub use guard::Said;
pub use level::Action;
pub use level::Class;
pub use level::Classes;
pub use level::Level;
pub use policy::Policy;
pub use policy::PolicyError;
pub use policy::Principal;
pub use policy::Role;
pub use policy::TokenSettings;
pub use rules::Levels;
pub use rules::RULES;
pub use rules::Rule;
pub use rules::rule_of;
pub use token::Keys;
pub use token::KeysError;
pub use token::TokenError;
pub use token::subject_of;

#[cfg(test)]
mod tests;
