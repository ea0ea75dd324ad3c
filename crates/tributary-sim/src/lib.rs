//! A seeded world of journeys with ground truth, for demos, tests and load.
