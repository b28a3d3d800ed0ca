//! How much memory forms and uploads may take at the desk.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::interfaces::http::FormError;

/// The memory of all requests of one kind. If too little is left, a request waits, and is refused after a while.
pub struct MemoryBudget {
    /// Units: permits of 1 KB.
    left: Semaphore,
    most: usize,
}

/// Given back to the budget when it is dropped.
pub struct HeldMemory(SemaphorePermit<'static>);

/// Units: bytes. A form is read, parsed and shown again, so it takes [`COPIES`] times its size.
pub static FORMS: MemoryBudget = MemoryBudget::new(18 << 20);
/// For the fields of forms with files. These may take an hour to arrive, and must not block other forms.
pub static UPLOADS: MemoryBudget = MemoryBudget::new(12 << 20);
/// Units: bytes of uploaded files, from their first byte until they are processed. The largest file is 32 MB.
pub static FILES: MemoryBudget = MemoryBudget::new(40 << 20);
pub const COPIES: usize = 6;

/// Longer than one picture takes to be processed.
const WAIT: Duration = Duration::from_secs(20);

impl MemoryBudget {
    const fn new(most: usize) -> Self {
        Self { left: Semaphore::const_new(most >> 10), most }
    }

    /// Waits until enough is left.
    ///
    /// # Errors
    /// [`FormError::TooLarge`] if it is more than the whole budget, [`FormError::Busy`] if others hold it for too long.
    pub async fn take(&'static self, n_bytes: usize) -> Result<HeldMemory, FormError> {
        self.take_within(n_bytes, WAIT).await
    }

    async fn take_within(
        &'static self,
        n_bytes: usize,
        wait: Duration,
    ) -> Result<HeldMemory, FormError> {
        if self.most < n_bytes {
            return Err(FormError::TooLarge);
        }
        match tokio::time::timeout(wait, self.left.acquire_many(kilobytes(n_bytes))).await {
            Ok(Ok(permits)) => Ok(HeldMemory(permits)),
            Ok(Err(_)) | Err(_) => Err(FormError::Busy),
        }
    }
}

impl HeldMemory {
    /// Gives back all but this.
    pub fn shrink_to(&mut self, n_bytes: usize) {
        let n_kept = usize::try_from(kilobytes(n_bytes)).unwrap_or(usize::MAX);
        let spare = self.0.num_permits().saturating_sub(n_kept);
        drop(self.0.split(spare));
    }
}

fn kilobytes(n_bytes: usize) -> u32 {
    u32::try_from(n_bytes.div_ceil(1_024)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_request_for_more_than_is_left_is_refused_after_waiting() {
        static BUDGET: MemoryBudget = MemoryBudget::new(10 << 10);
        let take = |n_bytes| BUDGET.take_within(n_bytes, Duration::ZERO);
        assert!(matches!(take(10_241).await, Err(FormError::TooLarge)));
        let mut first = take(10_240).await.unwrap();
        assert!(matches!(take(1).await, Err(FormError::Busy)));
        first.shrink_to(1_025);
        let second = take(8 << 10).await.unwrap();
        assert!(matches!(take(1).await, Err(FormError::Busy)));
        drop(second);
        drop(first);
        assert!(take(10_240).await.is_ok());
    }

    #[actix_web::test]
    async fn a_waiting_request_gets_what_is_given_back() {
        static BUDGET: MemoryBudget = MemoryBudget::new(4 << 10);
        let first = BUDGET.take(4 << 10).await.unwrap();
        let (second, ()) = tokio::join!(BUDGET.take(4 << 10), async { drop(first) });
        assert!(second.is_ok());
    }
}
