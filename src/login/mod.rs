//! Who may come in at the seller's desk: what a password must be and how it is kept, the second factor, how long a
//! session lasts. The only room that hashes passwords.

mod factor;
mod failures;
mod password;
mod recovery;
mod session;

pub use factor::{CODE_DIGITS, FACTOR_SECRET_BYTES, Factor, FactorProof, FactorSecret};
pub use failures::{CodeBrake, Failures};
pub use password::{
    KeptPassword, NewPassword, NotAKeptPassword, PASSWORD_SALT_BYTES, TypedPassword, WeakPassword,
    Workbench,
};
pub use recovery::{N_RECOVERY_CODES, RECOVERY_BYTES, RecoveryCode, RecoveryHash};
pub use session::{SESSION_BYTES, SessionHash, SessionId, SessionSpan};
