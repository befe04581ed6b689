//! What a chat may cost and has cost: leave to ask before the model is asked, and what was used
//! when its reply has ended.
//!
//! May import the contracts `goldfish:quota`, the types of `goldfish:identity` and `goldfish:llm`,
//! `cost` and `http-edge`.

use contracts::{
    identity::types::{Principal, Proof},
    llm::types::{Completion, Message, Part, ResolvedModel, Usage},
    quota::{
        credits::{self, ApiKeyBudget, Error, ReservationRequest},
        limits::{self, Action, Allowance},
    },
};
use http_edge::{ApiError, Context};
use token_estimate::tokens_of;

/// What an image counts for, in bytes of text: about a thousand tokens.
const IMAGE_SIZE: usize = 4_000;

/// Who pays for a chat.
#[derive(Clone, Debug)]
pub struct Payer {
    user: String,
    api_key: Option<ApiKeyBudget>,
}

/// Leave to ask a model once, and what is to be told when that is over.
pub struct Bill {
    user: String,
    api_key: Option<String>,
    /// No request of the user's.
    is_aside: bool,
    /// None where nothing is limited.
    reservation: Option<String>,
    prompt_tokens: u32,
    /// Bound on the reply: what is left to spend, or what the client set.
    pub max_tokens: Option<u32>,
}

/// Counts a chat turn: of the API key, where it has a limit of its own, and of the user. The
/// answer is the one of which less is left.
///
/// # Errors
/// That of the limit that was met.
pub async fn admit(principal: &Principal) -> Result<Allowance, limits::Error> {
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

/// Tells who answers, in the log and in header fields.
pub fn tell(context: &mut Context, served: &ResolvedModel) {
    context.log.model(&served.model);
    context.set_header("x-goldfish-provider", served.provider.clone());
    context.set_header("x-goldfish-model", served.model.clone());
    context.set_header("x-goldfish-attempts", served.attempts.to_string());
}

/// What messages count for, in bytes of text.
pub fn size(messages: &[Message]) -> usize {
    messages
        .iter()
        .map(size_of_message)
        .fold(0, usize::saturating_add)
}

fn size_of_message(message: &Message) -> usize {
    let content = message.content.iter().map(|part| match part {
        Part::Text(text) => text.len(),
        Part::Image(_) => IMAGE_SIZE,
    });
    let calls = message
        .tool_calls
        .iter()
        .map(|call| call.name.len().saturating_add(call.arguments.len()));
    content.chain(calls).fold(0, usize::saturating_add)
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

impl Bill {
    /// Holds what a prompt of `prompt` bytes and its reply may cost.
    ///
    /// # Errors
    /// 402 when too little is left.
    pub async fn open(
        payer: Payer,
        prompt: usize,
        max_tokens: Option<u32>,
    ) -> Result<Self, ApiError> {
        Self::reserve(payer, prompt, max_tokens, false).await
    }

    /// The same for what is done beside a request, such as making a title: it is no request of the
    /// user's, and no budget of requests counts it.
    ///
    /// # Errors
    /// 402 when too little is left.
    pub async fn open_aside(
        mut payer: Payer,
        prompt: usize,
        max_tokens: Option<u32>,
    ) -> Result<Self, ApiError> {
        if let Some(key) = &mut payer.api_key {
            key.requests = None;
        }
        Self::reserve(payer, prompt, max_tokens, true).await
    }

    async fn reserve(
        payer: Payer,
        prompt: usize,
        max_tokens: Option<u32>,
        is_aside: bool,
    ) -> Result<Self, ApiError> {
        let Payer { user, api_key } = payer;
        let prompt_tokens = tokens_of(prompt);
        let key_id = api_key.as_ref().map(|key| key.id.clone());
        let leave = credits::reserve(ReservationRequest {
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
            is_aside,
            reservation: leave.id,
            prompt_tokens,
            max_tokens: leave.max_tokens,
        })
    }

    /// Gives all of it back: nothing was used. Answers what went wrong, for the log; then it is
    /// given back by time.
    pub async fn release(self) -> Option<String> {
        let reservation = self.reservation?;
        let released = credits::release(self.user, Some(reservation)).await;
        released.err().map(describe)
    }

    /// Charges what a reply took, or, if it broke off, what came of it: `said` bytes; at the price
    /// of who answered, which was `asked` if nobody said so. Answers what went wrong, for the log.
    pub async fn settle(
        self,
        asked: &str,
        served: Option<&ResolvedModel>,
        completion: Option<&Completion>,
        said: usize,
    ) -> Option<String> {
        if completion.is_none() && said == 0 {
            return self.release().await;
        }
        let used = self.used(completion, said);
        let prices = served.and_then(|served| served.prices.as_ref());
        let charged = credits::Usage {
            model: served.map_or(asked, |served| &served.model).to_owned(),
            prompt_tokens: used.prompt_tokens,
            completion_tokens: used.completion_tokens,
            cached_tokens: used.cached_tokens.min(used.prompt_tokens),
            estimated: used.estimated,
            cost: prices.map(|prices| cost::cost(&used, prices)),
            api_key: self.api_key,
            background: self.is_aside,
        };
        let settled = credits::settle(self.user, self.reservation, charged).await;
        settled.err().map(describe)
    }

    /// What a reply took: as the provider counted, or, of one that broke off, as we estimate.
    pub fn used(&self, completion: Option<&Completion>, said: usize) -> Usage {
        match completion {
            Some(completion) => completion.usage,
            None => Usage {
                prompt_tokens: self.prompt_tokens,
                completion_tokens: tokens_of(said),
                cached_tokens: 0,
                reasoning_tokens: 0,
                estimated: true,
            },
        }
    }
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
    use contracts::llm::types::{FinishReason, Image, Role, ToolCall};

    fn bill() -> Bill {
        Bill {
            user: "guest_1".into(),
            api_key: None,
            is_aside: false,
            reservation: None,
            prompt_tokens: 7,
            max_tokens: None,
        }
    }

    #[test]
    fn what_broke_off_is_estimated() {
        let used = bill().used(None, 8);
        assert_eq!((used.prompt_tokens, used.completion_tokens), (7, 2));
        assert!(used.estimated);
        let completion = Completion {
            finish_reason: FinishReason::Stop,
            usage: Usage {
                prompt_tokens: 9,
                completion_tokens: 3,
                cached_tokens: 0,
                reasoning_tokens: 0,
                estimated: false,
            },
        };
        let used = bill().used(Some(&completion), 8);
        assert_eq!((used.prompt_tokens, used.completion_tokens), (9, 3));
        assert!(!used.estimated);
    }

    #[test]
    fn images_and_calls_count_too() {
        let message = Message {
            role: Role::Assistant,
            content: vec![
                Part::Text("1234".into()),
                Part::Image(Image {
                    url: "https://images.example/1.png".into(),
                    detail: None,
                }),
            ],
            name: None,
            tool_calls: vec![ToolCall {
                id: "call_1".into(),
                name: "add".into(),
                arguments: "{}".into(),
            }],
            tool_call_id: None,
        };
        assert_eq!(size(&[message.clone(), message]), 2 * (4 + IMAGE_SIZE + 5));
        assert_eq!(size(&[]), 0);
    }
}
