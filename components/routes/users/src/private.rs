//! What is shown of a user to themselves and to the operator only.

use contracts::{
    accounts::{registration, types::Error},
    identity::types::User,
    messaging::profiles,
};
use futures::future::try_join_all;
use http_edge::{ApiError, Context, Response};

use crate::view::{Private, UserView};

/// Who asks.
pub(crate) enum Asker {
    User(User),
    Operator,
}

impl Asker {
    /// 401 without a user and without `X-Admin-Key`.
    pub(crate) async fn of(context: &mut Context) -> Result<Self, ApiError> {
        if team::is_operator(context).await? {
            return Ok(Self::Operator);
        }
        Ok(Self::User(team::user(context).await?.user))
    }

    /// 200 with a user.
    pub(crate) async fn respond_with(&self, user: &profiles::User) -> Result<Response, ApiError> {
        let private = self.private(&user.id).await?;
        Ok(Response::json(&UserView::new(user, private.as_ref())))
    }

    /// The private parts of users, in their order; none where they are not shown.
    pub(crate) async fn private_of(
        &self,
        users: &[profiles::User],
    ) -> Result<Vec<Option<Private>>, ApiError> {
        try_join_all(users.iter().map(|user| self.private(&user.id))).await
    }

    async fn private(&self, id: &str) -> Result<Option<Private>, ApiError> {
        let own = match self {
            Self::User(user) if user.id != id => return Ok(None),
            Self::User(user) => user.email.clone(),
            Self::Operator => None,
        };
        match registration::get_account(id.to_owned()).await {
            Ok(account) if account.email.is_some() => Ok(Some(Private {
                email: account.email,
                email_verified: account.email_verified,
            })),
            // Guests, and users of identity providers, which alone know their addresses.
            Ok(_) | Err(Error::NotFound) => Ok(Some(Private {
                email: own,
                email_verified: false,
            })),
            Err(other) => Err(error_mapping::accounts(other)),
        }
    }
}
