//! Folds that answer queries. They hold references to sealed parts, never their content.
