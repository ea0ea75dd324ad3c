//! Everything that speaks a sender's dialect: signatures, postback parameters, JSON events, files. Stateless.
