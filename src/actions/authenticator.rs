//! Checks passwords and codes at the desk: in a bounded number at a time, with growing delays after wrong ones.

use crate::actions::Shop;
use crate::domain::login::Argon2Memory;
use crate::domain::login::FactorProof;
use crate::domain::login::FactorSecret;
use crate::domain::login::Failures;
use crate::domain::login::PASSWORD_SALT_BYTES;
use crate::domain::login::SecondFactor;
use crate::domain::login::StoredPassword;
use crate::domain::login::TotpLockout;
use crate::domain::login::TypedPassword;
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::Db;
use anyhow::Context;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Stands at the desk's door: looks at passwords in a bounded number of places, and lets wrong ones wait.
pub struct Authenticator {
    /// Where passwords are hashed: one for every two cores, so that buyers are served meanwhile.
    places: Arc<Semaphore>,
    n_places: usize,
    /// Those that wait for a place, and those that have one, by their line.
    n_strangers: Arc<AtomicUsize>,
    n_known: Arc<AtomicUsize>,
    benches: Arc<Mutex<Vec<Argon2Memory>>>,
    failures: Mutex<Failures>,
    /// Of strangers, and of browsers that were let in before: who guesses at codes as the one does not hinder the other.
    brakes: Mutex<[TotpLockout; 2]>,
}

/// Where somebody waits for a place. Both lines are as long, so that a crowd in the one keeps nobody out of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Stranger,
    /// Of a browser that was let in before, or is in now.
    Known,
}

/// What somebody gives who wants to come in.
pub struct Credentials {
    pub line: Line,
    pub password: TypedPassword,
    /// As it was typed: a code of the second factor, or a recovery code. Not looked at where none is set.
    pub code: String,
}

/// What is asked of somebody.
pub(super) enum Asked {
    /// At the door: the password, and a code where a second factor is set.
    All(Credentials),
    /// Of somebody who is in already.
    Password(TypedPassword),
}

/// Why somebody was not let in. It does not say what was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("wrong password or code")]
    Wrong {
        /// How long the answer waits. All wrong ones of the whole desk count, and no right one waits for them.
        wait: Duration,
    },
    #[error("too many sign-in attempts: please try again in a few seconds")]
    Busy,
}

/// Whoever gave this is the seller.
pub(super) struct Known {
    /// As it was kept when it was looked at; another one since then means that this one is not right any more.
    pub kept: StoredPassword,
    /// `None` where no code was asked for.
    pub proof: Option<FactorProof>,
    /// Whether a second factor that is set needed no proof.
    pub is_inside: bool,
    /// The same password, hashed as passwords are today, where it was kept otherwise.
    pub upgraded: Option<StoredPassword>,
}

/// Units: places in which passwords are hashed, at most. Source: 4 x 19 MiB is what a small host can miss.
const MOST_PLACES: usize = 4;
/// Units: those that wait for each place: about a quarter of a second. All of them together are fewer than the desk's
/// connections, so that the surplus can be told.
const MOST_WAITING: usize = 4;

impl Authenticator {
    pub fn new(n_cores: usize) -> Self {
        let n_places = (n_cores / 2).clamp(1, MOST_PLACES);
        Self {
            places: Arc::new(Semaphore::new(n_places)),
            n_places,
            n_strangers: Arc::default(),
            n_known: Arc::default(),
            benches: Arc::default(),
            failures: Mutex::default(),
            brakes: Mutex::default(),
        }
    }

    /// Whether it is the seller. Nothing is changed by it, but that wrong ones are counted.
    ///
    /// All wrong ones cost the same work, whatever is wrong with them and whatever is set.
    pub(super) async fn look_at(
        &self,
        shop: &Shop,
        asked: Asked,
        salt: [u8; PASSWORD_SALT_BYTES],
        now: Timestamp,
    ) -> anyhow::Result<Result<Known, AuthError>> {
        let lock = store::login::find_lock(&mut *shop.db.reader().await?)
            .await
            .context("read the desk's lock")?;
        let is_set = lock.password.is_some();
        let kept = lock.password.unwrap_or_else(StoredPassword::nobodys);
        let looked_at = kept.clone();
        let (line, password, code) = match asked {
            Asked::All(Credentials { line, password, code }) => (line, password, Some(code)),
            Asked::Password(password) => (Line::Known, password, None),
        };
        let is_inside = code.is_none();
        let factor = lock.factor.as_ref().filter(|_| !is_inside);
        // Where no second factor is set, one is looked at all the same.
        let code = code.unwrap_or_default();
        let nobodys = nobodys_factor();
        let asked = factor.unwrap_or(&nobodys);
        // While the host's clock is in doubt, either time may be the telephone's.
        let wall = shop.reading().wall;
        let proof = asked.proof(&code, now).or_else(|| asked.proof(&code, wall));
        let is_guess = factor.is_some() && FactorSecret::is_code(&code);
        // A code that is held off is as wrong as all others.
        let holds = is_guess && self.brakes.lock()[line as usize].holds(now);
        let is_proven = factor.is_none() || proof.is_some() && !holds;
        let hashed = self
            .hash(line, move |bench| {
                let is_right = looked_at.is(&password, bench);
                // A right one that is kept in an older way costs twice, once. With a wrong code it costs as all wrong ones.
                let upgraded = (is_right && is_proven && looked_at.needs_upgrade())
                    .then(|| StoredPassword::make(&password, salt, bench));
                (is_right, upgraded)
            })
            .await?;
        let Some((is_right, upgraded)) = hashed else { return Ok(Err(AuthError::Busy)) };
        let is_in = is_set & is_right & is_proven;
        let is_in = is_in && !(is_guess && self.brakes.lock()[line as usize].holds(now));
        if !is_in {
            if is_set && is_right && is_guess {
                self.note_wrong_code(shop, line, now);
            }
            return Ok(Err(self.wrong(now)));
        }
        if factor.is_some() {
            self.brakes.lock().iter_mut().for_each(TotpLockout::forget);
        }
        self.failures.lock().forget();
        let proof = proof.filter(|_| factor.is_some());
        Ok(Ok(Known { kept, proof, is_inside, upgraded }))
    }

    /// A new password, hashed where there is room. `None`: there is none.
    pub(super) async fn make(
        &self,
        password: TypedPassword,
        salt: [u8; PASSWORD_SALT_BYTES],
    ) -> anyhow::Result<Option<StoredPassword>> {
        self.hash(Line::Known, move |bench| StoredPassword::make(&password, salt, bench)).await
    }

    /// Somebody knows the password and guesses at codes. One that was held off was not looked at, and does not count.
    fn note_wrong_code(&self, shop: &Shop, line: Line, now: Timestamp) {
        let mut brakes = self.brakes.lock();
        let brake = &mut brakes[line as usize];
        if brake.holds(now) {
            return;
        }
        brake.note(now);
        drop(brakes);
        let db = shop.db.clone();
        // By itself: whoever asked may have gone away by now, and does not wait longer than for another wrong one.
        tokio::spawn(async move {
            if let Err(error) = keep_wrong_code(&db, now).await {
                tracing::error!("the password was right and the code wrong: {error:#}");
            }
        });
    }

    /// One more was wrong.
    pub(super) fn wrong(&self, now: Timestamp) -> AuthError {
        let wait = self.failures.lock().note(now);
        AuthError::Wrong { wait }
    }

    /// `None`: as many wait as may.
    async fn hash<T: Send + 'static>(
        &self,
        line: Line,
        work: impl FnOnce(&mut Argon2Memory) -> T + Send + 'static,
    ) -> anyhow::Result<Option<T>> {
        let n_inside = match line {
            Line::Stranger => &self.n_strangers,
            Line::Known => &self.n_known,
        };
        let inside = Counted::enter(n_inside);
        if self.n_places * (1 + MOST_WAITING) < n_inside.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let place = self.places.clone().acquire_owned().await.context("wait for a place")?;
        let benches = self.benches.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Whoever went away meanwhile leaves the place only when the work is done.
            let _held = (place, inside);
            let lock = || benches.lock();
            let mut bench = lock().pop().unwrap_or_default();
            let done = work(&mut bench);
            lock().push(bench);
            done
        });
        done.await.context("hash a password").map(Some)
    }
}

async fn keep_wrong_code(db: &Db, now: Timestamp) -> anyhow::Result<()> {
    let mut tx = db.write().await?;
    store::login::note_wrong_code(&mut tx, now).await.context("count it")?;
    store::audit_log::record(&mut tx, now, "Rejected the correct password with a wrong code")
        .await?;
    tx.commit().await.context("commit it")
}

fn nobodys_factor() -> SecondFactor {
    SecondFactor { secret: FactorSecret::new([0; 20]), last_step: i64::MAX, recovery: Vec::new() }
}

/// One of a number, until it is dropped.
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
