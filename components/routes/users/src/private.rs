//! The private data of a user, which only the user and the operator can see.

use std::collections::BTreeSet;

use contracts::{
    accounts::{registration, types::Error},
    identity::types::User,
    messaging::{
        connections::{self, PresenceState},
        profiles,
    },
};
use futures::future::try_join_all;
use http_edge::{ApiError, Context, Response};
use realtime_events::OwnPresence;

use crate::view::{Private, UserView};

/// The actor of a request.
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
        let is_online = self.online_of(std::slice::from_ref(user)).await?.len() == 1;
        let view = UserView::new(user, private.as_ref(), is_online);
        Ok(Response::json(&view))
    }

    /// The ids of those of at most 100 users who are online. Only the actor and users of a common channel can be seen online;
    /// the operator has no channels.
    pub(crate) async fn online_of(
        &self,
        users: &[profiles::User],
    ) -> Result<BTreeSet<String>, ApiError> {
        let Self::User(asker) = self else {
            return Ok(BTreeSet::new());
        };
        let ids = users.iter().map(|user| user.id.clone()).collect();
        let presences = connections::list_presence(asker.id.clone(), ids)
            .await
            .map_err(error_mapping::messaging)?;
        let online = presences
            .into_iter()
            .filter(|presence| presence.state != PresenceState::Offline);
        Ok(online.map(|presence| presence.user).collect())
    }

    /// The private parts of users, in their order; none where they are not shown.
    pub(crate) async fn private_of(
        &self,
        users: &[profiles::User],
    ) -> Result<Vec<Option<Private>>, ApiError> {
        try_join_all(users.iter().map(|user| self.private(&user.id))).await
    }

    async fn private(&self, id: &str) -> Result<Option<Private>, ApiError> {
        let (own, presence) = match self {
            Self::User(user) if user.id != id => return Ok(None),
            Self::User(user) => (user.email.clone(), Some(presence_choice(id).await?)),
            Self::Operator => (None, None),
        };
        match registration::get_account(id.to_owned()).await {
            Ok(account) if account.email.is_some() => Ok(Some(Private {
                email: account.email,
                email_verified: account.email_verified,
                presence,
            })),
            // Guests, and users of identity providers, which alone know their addresses.
            Ok(_) | Err(Error::NotFound) => Ok(Some(Private {
                email: own,
                email_verified: false,
                presence,
            })),
            Err(other) => Err(error_mapping::accounts(other)),
        }
    }
}

async fn presence_choice(user: &str) -> Result<OwnPresence, ApiError> {
    let choice = connections::get_presence_choice(user.to_owned())
        .await
        .map_err(error_mapping::messaging)?;
    Ok(choice.into())
}
