//! What a reply costs.
//!
//! May import the types of `goldfish:llm` and nothing else.

use contracts::llm::types::{Prices, Usage};

/// Tokens that a price is for.
const TOKENS_A_PRICE: u128 = 1_000_000;

/// The cost of a reply in millionths of a US dollar, at list prices, rounded up. Tokens from the
/// provider's cache are part of the prompt's, and thoughts of the reply's.
pub fn cost(usage: &Usage, prices: &Prices) -> u64 {
    let cached = usage.cached_tokens.min(usage.prompt_tokens);
    let fresh = usage.prompt_tokens.saturating_sub(cached);
    let parts = [
        (fresh, prices.input),
        (cached, prices.cached_input.unwrap_or(prices.input)),
        (usage.completion_tokens, prices.output),
    ];
    // Three products of two 32-bit numbers.
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
            reasoning_tokens: 0,
            estimated: false,
        }
    }

    /// 2.50 dollars, 1.25 and 10 a million.
    fn prices(cached_input: Option<u32>) -> Prices {
        Prices {
            input: 2_500_000,
            cached_input,
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

    #[test]
    fn any_numbers_have_a_cost() {
        assert_eq!(cost(&usage(0, 5, 0), &prices(Some(1))), 0);
        assert_eq!(
            cost(
                &usage(1, 0, 0),
                &Prices {
                    input: 1,
                    cached_input: None,
                    output: 0
                }
            ),
            1
        );
        let most = Prices {
            input: u32::MAX,
            cached_input: Some(u32::MAX),
            output: u32::MAX,
        };
        assert!(cost(&usage(u32::MAX, 7, u32::MAX), &most) < u64::MAX);
    }
}
