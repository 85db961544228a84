//! The time, in one place: a clock can be handed in, and only here is the machine's asked.
