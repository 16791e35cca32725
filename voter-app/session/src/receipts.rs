//! Checks stored receipts again, against the board's log of today.

use veritally_crypto::ballot::ConfirmationCode;
use veritally_crypto::credential::CredentialKey;
use veritally_crypto::id::LeafIndex;

use crate::SessionError;
use crate::election::{OpenRequest, View};
use crate::evidence::About;
use crate::session::verify_receipt;
use crate::store::StoredBallot;

/// What became of one stored ballot.
#[derive(Debug)]
pub struct ReceiptCheck {
    /// Whose it is.
    pub credential: CredentialKey,
    /// Which of its ballots.
    pub counter: u64,
    /// Its code.
    pub code: ConfirmationCode,
    /// Where it is in the log; `None` when there is no receipt yet.
    pub outcome: Result<Option<LeafIndex>, SessionError>,
}

/// Fetches a fresh checkpoint, verified to continue the last one that this device saw, and checks every stored ballot
/// of the election: its receipt, that the receipt's log is this one, and that the ballot is still in it.
///
/// # Errors
/// [`SessionError`] when the board can't be asked or its log is another one; what is wrong with one receipt stands in
/// its [`ReceiptCheck`].
pub async fn check(request: &OpenRequest) -> Result<(View, Vec<ReceiptCheck>), SessionError> {
    let mut view = View::fetch(request).await?;
    let stored = view.store().ballots()?;
    if stored.iter().any(|one| is_newer(one, &view)) {
        // Perhaps cast a moment ago, by another process: a fresh checkpoint has it.
        view = View::fetch(request).await?;
    }
    let mut checks = vec![];
    for one in stored {
        checks.push(ReceiptCheck {
            credential: one.ballot.credential(),
            counter: one.ballot.leaf().counter,
            code: one.ballot.confirmation_code(&view.fingerprint()),
            outcome: match check_one(&view, &one).await {
                Err(error) => {
                    let (ballot, receipt) = (Some(one.ballot.bytes()), one.receipt.as_deref());
                    let about = About { ballot, receipt, ..About::default() };
                    Err(view.keep_evidence(error, about).await)
                }
                held => held,
            },
        });
    }
    Ok((view, checks))
}

/// Whether a receipt is of a larger log than the view's.
pub(crate) fn is_newer(stored: &StoredBallot, view: &View) -> bool {
    let receipt = stored.receipt.as_ref().and_then(|text| verify_receipt(view, stored.ballot.bytes(), text).ok());
    receipt.is_some_and(|(_, then)| then.checkpoint().tree_size > view.tree().head().tree_size)
}

async fn check_one(view: &View, stored: &StoredBallot) -> Result<Option<LeafIndex>, SessionError> {
    let Some(receipt) = &stored.receipt else { return Ok(None) };
    let bytes = stored.ballot.bytes();
    let (index, then) = verify_receipt(view, bytes, receipt)?;
    view.tree().verify_extends(&then.checkpoint().head()).await?;
    let code = stored.ballot.confirmation_code(&view.fingerprint());
    view.tree().verify_includes(index, bytes, |_| SessionError::Missing { code, index }).await?;
    Ok(Some(index))
}
