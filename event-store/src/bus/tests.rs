//! The adapter keeps the contract, and each check finds the fault it is there for.
