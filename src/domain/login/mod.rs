//! Authentication at the seller's desk: what a password must be and how it is stored, the second factor, how long a
//! session lasts. Only this module hashes passwords.

mod factor;
mod failures;
mod password;
mod recovery;
mod session;

pub use factor::{CODE_DIGITS, FACTOR_SECRET_BYTES, FactorProof, FactorSecret, SecondFactor};
pub use failures::{Failures, TotpLockout};
pub use password::{
    Argon2Memory, NewPassword, NotAStoredPassword, PASSWORD_SALT_BYTES, StoredPassword,
    TypedPassword, WeakPassword,
};
pub use recovery::{N_RECOVERY_CODES, RECOVERY_BYTES, RecoveryCode, RecoveryHash};
pub use session::{SESSION_BYTES, SessionHash, SessionId, SessionSpan};
