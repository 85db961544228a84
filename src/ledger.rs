//! Where domain and log meet: prepare, plan, apply, replay. The whole service as a value.
