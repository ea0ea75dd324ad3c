//! Everything that survives a restart: the log of facts, the derived state, the key store; SQLite and PostgreSQL behind the same ports.
