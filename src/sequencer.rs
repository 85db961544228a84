//! The one writer: queue, batch, plan, store, apply, answer.
