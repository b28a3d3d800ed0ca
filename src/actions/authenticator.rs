//! Checks passwords and codes at the desk: a bounded number at a time, with growing delays after wrong ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::actions::Shop;
use crate::domain::login::{
    Argon2Memory, FactorProof, FactorSecret, Failures, PASSWORD_SALT_BYTES, SecondFactor,
    StoredPassword, TotpLockout, TypedPassword,
};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::Db;

/// Checks sign-ins at the desk: hashes a bounded number of passwords at once, and delays the response to wrong ones.
pub struct Authenticator {
    /// Permits for hashing: one for every two cores, so that buyers are served meanwhile.
    permits: Arc<Semaphore>,
    n_permits: usize,
    /// For each queue: sign-ins that wait for a permit or hold one.
    n_strangers: Arc<AtomicUsize>,
    n_known: Arc<AtomicUsize>,
    memories: Arc<Mutex<Vec<Argon2Memory>>>,
    failures: Mutex<Failures>,
    /// For strangers, and for browsers that have signed in before: guessing codes as a stranger does not lock out the
    /// seller.
    lockouts: Mutex<[TotpLockout; 2]>,
}

/// The queue in which a sign-in waits. Both are equally long, so that a crowd in one keeps nobody out of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginQueue {
    Stranger,
    /// It has signed in before, or is signed in.
    KnownBrowser,
}

/// The credentials given at sign-in.
pub struct Credentials {
    pub queue: LoginQueue,
    pub password: TypedPassword,
    /// As typed: a code of the second factor, or a recovery code. Ignored if no second factor is set.
    pub code: String,
}

/// What is to be checked.
pub(super) enum Check {
    /// For a sign-in: the password, and a code if a second factor is set.
    All(Credentials),
    /// For a user who is signed in.
    Password(TypedPassword),
}

/// Why a sign-in failed. It does not say which part was wrong.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("wrong password or code")]
    Wrong {
        /// How long the response is delayed. All failures of the whole desk count; a correct sign-in is never delayed
        /// by them.
        wait: Duration,
    },
    #[error("too many sign-in attempts: please try again in a few seconds")]
    Busy,
    #[error(transparent)]
    Broken(anyhow::Error),
}

broken_from!(AuthError);

/// Proof that the credentials are the seller's.
pub(super) struct Verified {
    /// The stored password that was checked; if it has been changed since, this proof is void.
    pub password: StoredPassword,
    /// `None` if no code was asked for.
    pub proof: Option<FactorProof>,
    /// Whether a second factor is set but needed no proof.
    pub is_inside: bool,
    /// The same password, rehashed with today's parameters, if it was stored with others.
    pub upgraded: Option<StoredPassword>,
}

/// Units: passwords hashed at once, at most. Source: 4 x 19 MiB is what a small host can spare.
const MAX_PERMITS: usize = 4;
/// Units: waiting sign-ins per permit, each about a quarter of a second. In total they are fewer than the desk's
/// connections, so that the surplus can be answered.
const MAX_WAITING: usize = 4;

impl Authenticator {
    pub fn new(n_cores: usize) -> Self {
        let n_permits = (n_cores / 2).clamp(1, MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(n_permits)),
            n_permits,
            n_strangers: Arc::default(),
            n_known: Arc::default(),
            memories: Arc::default(),
            failures: Mutex::default(),
            lockouts: Mutex::default(),
        }
    }

    /// Checks whether the credentials are the seller's. Changes nothing except the count of failures.
    ///
    /// All failures cost the same work, whatever is wrong and whatever is set.
    pub(super) async fn verify(
        &self,
        shop: &Shop,
        check: Check,
        salt: [u8; PASSWORD_SALT_BYTES],
        now: Timestamp,
    ) -> Result<Verified, AuthError> {
        let lock = store::login::find_credentials(&mut *shop.db.reader().await?)
            .await
            .context("read the desk's credentials")?;
        let is_set = lock.password.is_some();
        let stored = lock.password.unwrap_or_else(StoredPassword::nobodys);
        let password_hash = stored.clone();
        let (queue, password, code) = match check {
            Check::All(Credentials { queue, password, code }) => (queue, password, Some(code)),
            Check::Password(password) => (LoginQueue::KnownBrowser, password, None),
        };
        let is_inside = code.is_none();
        let factor = lock.factor.as_ref().filter(|_| !is_inside);
        // If no second factor is set, a dummy one is checked, so that the time is the same.
        let code = code.unwrap_or_default();
        let nobodys = nobodys_factor();
        let secret = factor.unwrap_or(&nobodys);
        // While the host's clock is in doubt, either time may match the phone's.
        let wall = shop.reading().wall;
        let proof = secret.proof(&code, now).or_else(|| secret.proof(&code, wall));
        let is_guess = factor.is_some() && FactorSecret::is_code(&code);
        // A code that is refused by the lockout counts as wrong.
        let holds = is_guess && self.lockouts.lock()[queue as usize].holds(now);
        let is_proven = factor.is_none() || proof.is_some() && !holds;
        let hashed = self
            .hash(queue, move |memory| {
                let is_right = password_hash.is(&password, memory);
                // A correct password with old parameters costs twice, once. With a wrong code it costs as much as any
                // failure.
                let upgraded = (is_right && is_proven && password_hash.needs_upgrade())
                    .then(|| StoredPassword::make(&password, salt, memory));
                (is_right, upgraded)
            })
            .await?;
        let Some((is_right, upgraded)) = hashed else { return Err(AuthError::Busy) };
        let is_in = is_set & is_right & is_proven;
        let is_in = is_in && !(is_guess && self.lockouts.lock()[queue as usize].holds(now));
        if !is_in {
            if is_set && is_right && is_guess {
                self.note_wrong_code(shop, queue, now);
            }
            return Err(self.wrong(now));
        }
        if factor.is_some() {
            self.lockouts.lock().iter_mut().for_each(TotpLockout::forget);
        }
        self.failures.lock().forget();
        let proof = proof.filter(|_| factor.is_some());
        Ok(Verified { password: stored, proof, is_inside, upgraded })
    }

    /// Hashes a new password. `None`: too many are waiting.
    pub(super) async fn make(
        &self,
        password: TypedPassword,
        salt: [u8; PASSWORD_SALT_BYTES],
    ) -> anyhow::Result<Option<StoredPassword>> {
        self.hash(LoginQueue::KnownBrowser, move |memory| {
            StoredPassword::make(&password, salt, memory)
        })
        .await
    }

    /// The password was right and the code wrong: somebody may be guessing codes. Codes refused by the lockout were not
    /// checked and do not count.
    fn note_wrong_code(&self, shop: &Shop, queue: LoginQueue, now: Timestamp) {
        let mut lockouts = self.lockouts.lock();
        let lockout = &mut lockouts[queue as usize];
        if lockout.holds(now) {
            return;
        }
        lockout.note(now);
        drop(lockouts);
        let db = shop.db.clone();
        // In its own task: the client may have disconnected, and must not wait longer than for another failure.
        tokio::spawn(async move {
            if let Err(error) = keep_wrong_code(&db, now).await {
                tracing::error!("the password was right and the code wrong: {error:#}");
            }
        });
    }

    /// Counts a failure.
    pub(super) fn wrong(&self, now: Timestamp) -> AuthError {
        let wait = self.failures.lock().note(now);
        AuthError::Wrong { wait }
    }

    /// `None`: the queue is full.
    async fn hash<T: Send + 'static>(
        &self,
        queue: LoginQueue,
        work: impl FnOnce(&mut Argon2Memory) -> T + Send + 'static,
    ) -> anyhow::Result<Option<T>> {
        let n_inside = match queue {
            LoginQueue::Stranger => &self.n_strangers,
            LoginQueue::KnownBrowser => &self.n_known,
        };
        let inside = Counted::enter(n_inside);
        if self.n_permits * (1 + MAX_WAITING) < n_inside.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let permit =
            self.permits.clone().acquire_owned().await.context("wait for a hashing permit")?;
        let memories = self.memories.clone();
        let done = tokio::task::spawn_blocking(move || {
            // If the client disconnects meanwhile, the permit is released only when the work is done.
            let _held = (permit, inside);
            let lock = || memories.lock();
            let mut memory = lock().pop().unwrap_or_default();
            let done = work(&mut memory);
            lock().push(memory);
            done
        });
        done.await.context("hash a password").map(Some)
    }
}

async fn keep_wrong_code(db: &Db, now: Timestamp) -> anyhow::Result<()> {
    let mut tx = db.write().await?;
    store::login::note_wrong_code(&mut tx, now).await.context("count the wrong code")?;
    store::audit_log::record(&mut tx, now, "Rejected the correct password with a wrong code")
        .await?;
    tx.commit().await.context("commit the wrong code")
}

fn nobodys_factor() -> SecondFactor {
    SecondFactor { secret: FactorSecret::new([0; 20]), last_step: i64::MAX, recovery: Vec::new() }
}

/// Counts one sign-in in its queue, until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn enter(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
