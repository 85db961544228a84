//! What the service tells its operator. Never a name, an identifier or a payload.
