//! Data keys, the import key and the key of the lookup index: what joins the log to people. Never inside sled.
