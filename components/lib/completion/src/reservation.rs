//! Credits for a completion: held before the model is asked, charged when the reply has ended.

use contracts::{
    identity::types::{Principal, Proof},
    llm::types::{Completion, Prices, ResolvedModel, Usage},
    quota::{
        credits::{self, ApiKeyBudget, Error, ReservationRequest, Usage as ChargedUsage},
        limits::{self, Action, Allowance},
    },
};
use http_edge::ApiError;
use token_estimate::tokens_of;

use crate::relay::Relayed;

/// Counts a chat request against the limit of its API key, where the key has one of its own, and
/// against the user's limit. The answer is the one of which less is left.
///
/// # Errors
/// The limit that was exceeded.
pub async fn admit(principal: &Principal) -> Result<Allowance, limits::Error> {
    // The key comes first: a request that it refuses must not use up the user's limit.
    let of_key = match &principal.proof {
        Proof::ApiKey(key) if key.chat_per_minute.is_some() => {
            Some(limits::admit(Action::Chat, key.id.clone(), key.chat_per_minute).await?)
        }
        _ => None,
    };
    let of_user = limits::admit(Action::Chat, principal.user.id.clone(), None).await?;
    Ok(match of_key {
        Some(of_key) if of_user.limit == 0 || of_key.remaining < of_user.remaining => of_key,
        _ => of_user,
    })
}

/// Who pays for a completion.
#[derive(Clone, Debug)]
pub struct Payer {
    user: String,
    api_key: Option<ApiKeyBudget>,
}

impl From<&Principal> for Payer {
    fn from(principal: &Principal) -> Self {
        Self {
            user: principal.user.id.clone(),
            api_key: match &principal.proof {
                Proof::ApiKey(key) => Some(ApiKeyBudget {
                    id: key.id.clone(),
                    requests: key.request_budget,
                    tokens: key.token_budget,
                }),
                _ => None,
            },
        }
    }
}

/// Credits that are held for one completion.
pub struct Reservation {
    user: String,
    api_key: Option<String>,
    /// For work that the user did not request, such as a title.
    is_background: bool,
    /// None where nothing is limited.
    id: Option<String>,
    prompt_tokens: u32,
    /// Most tokens of the reply: what the client allows, or less if there are fewer credits.
    pub max_tokens: Option<u32>,
}

impl Reservation {
    /// Holds credits for a prompt of `prompt_bytes` and its reply.
    ///
    /// # Errors
    /// 402 if there are too few.
    pub async fn open(
        payer: Payer,
        prompt_bytes: usize,
        max_tokens: Option<u32>,
    ) -> Result<Self, ApiError> {
        Self::reserve(payer, prompt_bytes, max_tokens, false).await
    }

    /// The same for work that the user did not request: it does not count as one of the API key's
    /// requests.
    ///
    /// # Errors
    /// 402 if there are too few credits.
    pub async fn open_background(
        mut payer: Payer,
        prompt_bytes: usize,
        max_tokens: Option<u32>,
    ) -> Result<Self, ApiError> {
        if let Some(key) = &mut payer.api_key {
            key.requests = None;
        }
        Self::reserve(payer, prompt_bytes, max_tokens, true).await
    }

    async fn reserve(
        payer: Payer,
        prompt_bytes: usize,
        max_tokens: Option<u32>,
        is_background: bool,
    ) -> Result<Self, ApiError> {
        let Payer { user, api_key } = payer;
        let prompt_tokens = tokens_of(prompt_bytes);
        let key_id = api_key.as_ref().map(|key| key.id.clone());
        let granted = credits::reserve(ReservationRequest {
            user: user.clone(),
            api_key,
            prompt_tokens,
            max_tokens,
        })
        .await
        .map_err(error_mapping::credits)?;
        Ok(Self {
            user,
            api_key: key_id,
            is_background,
            id: granted.id,
            prompt_tokens,
            max_tokens: granted.max_tokens,
        })
    }

    /// Gives the credits back: nothing was used.
    ///
    /// # Errors
    /// A text for the log. The reservation then expires by itself.
    pub async fn release(self) -> Result<(), String> {
        match self.id {
            Some(id) => credits::release(self.user, Some(id))
                .await
                .map_err(describe),
            None => Ok(()),
        }
    }

    /// Charges what a reply took, at the price of the model that answered, which is `requested` if
    /// that is not known. A reply of which nothing came is free.
    ///
    /// # Errors
    /// A text for the log.
    pub async fn settle(self, requested: &str, relayed: &Relayed) -> Result<(), String> {
        if relayed.end.completion().is_none() && relayed.generated == 0 {
            return self.release().await;
        }
        let usage = self.usage(relayed);
        let charged = self.charged_usage(requested, relayed.resolved.as_ref(), &usage);
        credits::settle(self.user, self.id, charged)
            .await
            .map_err(describe)
    }

    /// Charges for a prompt to which no reply was generated, such as that of embeddings.
    ///
    /// # Errors
    /// A text for the log.
    pub async fn settle_prompt(
        self,
        model: &str,
        prompt_tokens: u32,
        estimated: bool,
        prices: Option<&Prices>,
    ) -> Result<(), String> {
        let usage = Usage {
            prompt_tokens,
            completion_tokens: 0,
            cached_tokens: 0,
            cache_write_tokens: 0,
            cache_write_hour_tokens: 0,
            reasoning_tokens: 0,
            estimated,
        };
        let charged = ChargedUsage {
            model: model.to_owned(),
            prompt_tokens,
            completion_tokens: 0,
            cached_tokens: 0,
            estimated,
            cost: prices.map(|prices| cost::cost(&usage, prices)),
            api_key: self.api_key.clone(),
            background: self.is_background,
        };
        credits::settle(self.user, self.id, charged)
            .await
            .map_err(describe)
    }

    fn charged_usage(
        &self,
        requested: &str,
        resolved: Option<&ResolvedModel>,
        usage: &Usage,
    ) -> ChargedUsage {
        let prices = resolved.and_then(|resolved| resolved.prices.as_ref());
        ChargedUsage {
            model: resolved
                .map_or(requested, |resolved| &resolved.model)
                .to_owned(),
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            cached_tokens: usage.cached_tokens.min(usage.prompt_tokens),
            estimated: usage.estimated,
            cost: prices.map(|prices| cost::cost(usage, prices)),
            api_key: self.api_key.clone(),
            background: self.is_background,
        }
    }

    /// The tokens that a reply took: as the provider counted them, or an estimate for one that did
    /// not come to its end.
    pub fn usage(&self, relayed: &Relayed) -> Usage {
        usage_of(
            relayed.end.completion(),
            self.prompt_tokens,
            relayed.generated,
        )
    }
}

fn usage_of(completion: Option<&Completion>, prompt_tokens: u32, generated: usize) -> Usage {
    completion.map_or_else(
        || Usage {
            prompt_tokens,
            completion_tokens: tokens_of(generated),
            cached_tokens: 0,
            cache_write_tokens: 0,
            cache_write_hour_tokens: 0,
            reasoning_tokens: 0,
            estimated: true,
        },
        |completion| completion.usage,
    )
}

fn describe(error: Error) -> String {
    match error {
        Error::LimitReached(_) | Error::UnknownPlan(_) => "ledger: not settled".to_owned(),
        Error::Unavailable(cause) => cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::FinishReason;

    #[test]
    fn usage_of_an_unfinished_reply_is_an_estimate() {
        let usage = usage_of(None, 7, 8);
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (7, 2));
        assert!(usage.estimated);
    }

    #[test]
    fn usage_of_a_complete_reply_is_the_providers() {
        let completion = Completion {
            finish_reason: FinishReason::Stop,
            usage: Usage {
                prompt_tokens: 9,
                completion_tokens: 3,
                cached_tokens: 0,
                cache_write_tokens: 0,
                cache_write_hour_tokens: 0,
                reasoning_tokens: 0,
                estimated: false,
            },
            stop_sequence: None,
            usage_extra: None,
        };
        let usage = usage_of(Some(&completion), 7, 8);
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (9, 3));
        assert!(!usage.estimated);
    }
}
