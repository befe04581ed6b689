//! What a chat may cost and has cost: leave to ask before the model is asked, and what was used
//! when its reply has ended.

use contracts::{
    identity::types::{Principal, Proof},
    llm::types::{Completion, Message, Usage},
    quota::{
        credits::{self, ApiKeyBudget, Consumption, Error, Intent},
        limits::{self, Action, Allowance, Refusal},
    },
};
use http_edge::ApiError;
use token_estimate::tokens_of;

use crate::prompt;

/// Leave to ask a model once, and what is to be told when that is over.
pub(crate) struct Bill {
    user: String,
    api_key: Option<String>,
    /// None where nothing is limited.
    reservation: Option<String>,
    prompt_tokens: u32,
    /// Bound on the reply: what is left to spend, or what the client set.
    pub(crate) max_tokens: Option<u32>,
}

/// Counts a chat turn: of the API key, where it has a limit of its own, and of the user. The
/// answer is the one of which less is left.
pub(crate) async fn admit(principal: &Principal) -> Result<Allowance, Refusal> {
    // The key's comes first: what it is refused does not use up the user's.
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

impl Bill {
    /// Holds what the prompt and its reply may cost; 402 when too little is left.
    pub(crate) async fn open(
        principal: &Principal,
        messages: &[Message],
        max_tokens: Option<u32>,
    ) -> Result<Self, ApiError> {
        let user = principal.user.id.clone();
        let prompt_tokens = tokens_of(messages.iter().map(prompt::size).sum());
        let budget = match &principal.proof {
            Proof::ApiKey(key) => Some(ApiKeyBudget {
                id: key.id.clone(),
                requests: key.request_budget,
                tokens: key.token_budget,
            }),
            _ => None,
        };
        let api_key = budget.as_ref().map(|key| key.id.clone());
        let leave = credits::reserve(Intent {
            user: user.clone(),
            api_key: budget,
            prompt_tokens,
            max_tokens,
        })
        .await
        .map_err(failures::credits)?;
        Ok(Self {
            user,
            api_key,
            reservation: leave.id,
            prompt_tokens,
            max_tokens: leave.max_tokens,
        })
    }

    /// Gives all of it back: nothing was used. Answers what went wrong, for the log; then it is
    /// given back by time.
    pub(crate) async fn release(self) -> Option<String> {
        let reservation = self.reservation?;
        let released = credits::release(self.user, Some(reservation)).await;
        released.err().map(describe)
    }

    /// Charges what a reply took, or, if it broke off, what came of it. Answers what went wrong, for
    /// the log.
    pub(crate) async fn settle(
        self,
        model: String,
        completion: Option<&Completion>,
        text: &str,
    ) -> Option<String> {
        if completion.is_none() && text.is_empty() {
            return self.release().await;
        }
        let used = self.used(completion, text);
        let consumption = Consumption {
            model,
            prompt_tokens: used.prompt_tokens,
            completion_tokens: used.completion_tokens,
            estimated: used.estimated,
            api_key: self.api_key,
        };
        let settled = credits::settle(self.user, self.reservation, consumption).await;
        settled.err().map(describe)
    }

    fn used(&self, completion: Option<&Completion>, text: &str) -> Usage {
        match completion {
            Some(completion) => completion.usage,
            None => Usage {
                prompt_tokens: self.prompt_tokens,
                completion_tokens: tokens_of(text.len()),
                cached_tokens: 0,
                reasoning_tokens: 0,
                estimated: true,
            },
        }
    }
}

fn describe(error: Error) -> String {
    match error {
        Error::Spent(_) | Error::UnknownPlan(_) => "ledger: not settled".to_owned(),
        Error::Unavailable(cause) => cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::llm::types::StopReason;

    fn bill() -> Bill {
        Bill {
            user: "guest_1".into(),
            api_key: None,
            reservation: None,
            prompt_tokens: 7,
            max_tokens: None,
        }
    }

    #[test]
    fn what_broke_off_is_estimated() {
        let used = bill().used(None, "eight by");
        assert_eq!((used.prompt_tokens, used.completion_tokens), (7, 2));
        assert!(used.estimated);
        let completion = Completion {
            stop_reason: StopReason::End,
            usage: Usage {
                prompt_tokens: 9,
                completion_tokens: 3,
                cached_tokens: 0,
                reasoning_tokens: 0,
                estimated: false,
            },
        };
        let used = bill().used(Some(&completion), "eight by");
        assert_eq!((used.prompt_tokens, used.completion_tokens), (9, 3));
        assert!(!used.estimated);
    }
}
