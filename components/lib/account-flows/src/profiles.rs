//! The profile of an account that other users see, in `goldfish:messaging`.

use contracts::{
    accounts::{
        registration,
        types::{Account, AccountKind, Error as AccountError},
    },
    messaging::{
        profiles::{self, AgeChange, Changes, MessagesOfDeleted},
        types::{Error, TextChange},
    },
};
use http_edge::{ApiError, Context};

/// The name of a user without one.
const NAMELESS: &str = "User";

/// Shows an account that has just been created or signed in to to others: creates its profile, or
/// gives it the name and picture of the account, which are the truth. A failure does not keep anybody
/// from signing in: it is logged, and the next sign-in or the first request to a route of team messaging
/// makes up for it. Guests get a profile when they join a channel.
pub async fn ensure_profile(context: &mut Context, account: &Account) {
    if account.kind == AccountKind::Guest {
        return;
    }
    let written = match profiles::get(account.id.clone()).await {
        Ok(user) if user.name == public_name(account) && user.image == account.image => Ok(()),
        Ok(_) => update(account).await,
        Err(Error::NotFound(_)) => create(account).await,
        Err(other) => Err(other),
    };
    if let Err(error) = written {
        let cause = match error {
            Error::Unavailable(cause) => format!("profile not written: {cause}"),
            other => format!("profile not written: {other:?}"),
        };
        context.log.warn(&cause);
    }
}

/// Shows the name and the picture of an account, which have changed, to others.
pub async fn update_profile(account: &Account) -> Result<(), ApiError> {
    match update(account).await {
        Err(Error::NotFound(_)) => create(account).await,
        result => result,
    }
    .map_err(error_mapping::messaging)
}

/// Creates the profile, unless the account was deleted at the same time.
async fn create(account: &Account) -> Result<(), Error> {
    let (id, name) = (account.id.clone(), public_name(account).to_owned());
    let created = profiles::ensure(id.clone(), name, account.image.clone()).await?;
    if created && let Err(AccountError::NotFound) = registration::get_account(id.clone()).await {
        profiles::delete(id, MessagesOfDeleted::Keep).await?;
    }
    Ok(())
}

async fn update(account: &Account) -> Result<(), Error> {
    let changes = Changes {
        name: Some(public_name(account).to_owned()),
        image: match &account.image {
            Some(image) => TextChange::Set(image.clone()),
            None => TextChange::Clear,
        },
        display_name: TextChange::Keep,
        avatar_url: TextChange::Keep,
        banner_url: TextChange::Keep,
        bio: TextChange::Keep,
        age: AgeChange::Keep,
    };
    profiles::update(account.id.clone(), changes)
        .await
        .map(drop)
}

fn public_name(account: &Account) -> &str {
    account.name.as_deref().unwrap_or(NAMELESS)
}
