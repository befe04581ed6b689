//! The cost of a reply.
//!
//! May import the types of `goldfish:llm` and nothing else.

use contracts::llm::types::{Prices, Usage};

/// Tokens that a price is for.
const TOKENS_A_PRICE: u128 = 1_000_000;

/// The cost of a reply in millionths of a US dollar, at list prices, rounded up. Tokens read from or
/// written to the provider's cache are part of the prompt's, and reasoning of the reply's.
pub fn cost(usage: &Usage, prices: &Prices) -> u64 {
    let mut rest = usage.prompt_tokens;
    let mut part = |tokens: u32| {
        let tokens = tokens.min(rest);
        rest = rest.saturating_sub(tokens);
        tokens
    };
    let cached = part(usage.cached_tokens);
    let written = part(usage.cache_write_tokens);
    let written_hour = part(usage.cache_write_hour_tokens);
    let write = prices.cache_write.unwrap_or(prices.input);
    let parts = [
        (rest, prices.input),
        (cached, prices.cached_input.unwrap_or(prices.input)),
        (written, write),
        (written_hour, prices.cache_write_hour.unwrap_or(write)),
        (usage.completion_tokens, prices.output),
    ];
    // Five products of two 32-bit numbers.
    let sum: u128 = parts
        .iter()
        .map(|(tokens, price)| u128::from(*tokens).saturating_mul(u128::from(*price)))
        .sum();
    u64::try_from(sum.div_ceil(TOKENS_A_PRICE)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(prompt: u32, cached: u32, completion: u32) -> Usage {
        Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            cached_tokens: cached,
            cache_write_tokens: 0,
            cache_write_hour_tokens: 0,
            reasoning_tokens: 0,
            estimated: false,
        }
    }

    /// 2.50 dollars, 1.25 and 10 a million.
    fn prices(cached_input: Option<u32>) -> Prices {
        Prices {
            input: 2_500_000,
            cached_input,
            cache_write: None,
            cache_write_hour: None,
            output: 10_000_000,
        }
    }

    #[test]
    fn each_kind_of_token_has_its_price() {
        let prices = prices(Some(1_250_000));
        assert_eq!(cost(&usage(1_000_000, 0, 0), &prices), 2_500_000);
        assert_eq!(cost(&usage(1_000_000, 400_000, 0), &prices), 2_000_000);
        assert_eq!(cost(&usage(0, 0, 1_000), &prices), 10_000);
        assert_eq!(cost(&usage(100, 50, 10), &prices), 288);
    }

    #[test]
    fn cached_tokens_cost_as_others_where_nothing_is_stated() {
        assert_eq!(cost(&usage(10, 10, 0), &prices(None)), 25);
    }

    /// The prices of a Claude model: 3 and 15 dollars a million.
    fn claude() -> Prices {
        Prices {
            input: 3_000_000,
            cached_input: Some(300_000),
            cache_write: Some(3_750_000),
            cache_write_hour: Some(6_000_000),
            output: 15_000_000,
        }
    }

    #[test]
    fn tokens_written_to_the_cache_have_prices_of_their_own() {
        let usage = |written, written_hour, cached| Usage {
            prompt_tokens: 3 + written + written_hour + cached,
            completion_tokens: 550,
            cached_tokens: cached,
            cache_write_tokens: written,
            cache_write_hour_tokens: written_hour,
            reasoning_tokens: 0,
            estimated: false,
        };
        assert_eq!(cost(&usage(12_304, 0, 0), &claude()), 54_399);
        assert_eq!(cost(&usage(0, 12_304, 0), &claude()), 82_083);
        assert_eq!(cost(&usage(0, 0, 12_304), &claude()), 11_951);
        // A write for an hour costs at least what a write costs.
        let prices = Prices {
            cache_write_hour: None,
            ..claude()
        };
        assert_eq!(cost(&usage(0, 12_304, 0), &prices), 54_399);
    }

    #[test]
    fn any_numbers_have_a_cost() {
        assert_eq!(cost(&usage(0, 5, 0), &prices(Some(1))), 0);
        assert_eq!(
            cost(
                &usage(1, 0, 0),
                &Prices {
                    input: 1,
                    cached_input: None,
                    cache_write: None,
                    cache_write_hour: None,
                    output: 0
                }
            ),
            1
        );
        let most = Prices {
            input: u32::MAX,
            cached_input: Some(u32::MAX),
            cache_write: Some(u32::MAX),
            cache_write_hour: Some(u32::MAX),
            output: u32::MAX,
        };
        assert!(cost(&usage(u32::MAX, 7, u32::MAX), &most) < u64::MAX);
    }
}
