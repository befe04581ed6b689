use super::*;
use crate::request::testing::field;

fn request(input: EmbeddingInput) -> EmbeddingRequest {
    EmbeddingRequest {
        model: "m".into(),
        input,
        dimensions: None,
        end_user: None,
    }
}

fn texts(texts: &[&str]) -> EmbeddingRequest {
    let texts = texts.iter().map(|text| (*text).to_owned());
    request(EmbeddingInput::Texts(texts.collect()))
}

#[test]
fn model_is_of_the_provider_that_has_it() {
    let catalogue = Catalogue::new("").unwrap().with_demo();
    let of = |id: &str, has_local| model(id, &catalogue, has_local).map(|model| model.provider);
    assert_eq!(of("text-embedding-3-small", false), Ok(Provider::OpenAi));
    assert_eq!(of("@cf/baai/bge-m3", true), Ok(Provider::WorkersAi));
    assert_eq!(of("demo", false), Ok(Provider::Demo));
    assert_eq!(of("nomic-embed-text", true), Ok(Provider::Local));
    assert_eq!(of("nomic-embed-text", false), Err(Error::UnknownModel));
    for id in ["claude-haiku-4-5", "gpt-4o"] {
        assert_eq!(field(model(id, &catalogue, true)), "model");
    }
}

#[test]
fn check_rejects_empty_and_too_many_inputs() {
    assert_eq!(check(&texts(&["a"])), Ok(()));
    assert_eq!(field(check(&texts(&[]))), "input");
    assert_eq!(field(check(&texts(&["a", ""]))), "input");
    assert_eq!(field(check(&texts(&vec!["a"; 2_049]))), "input");
    assert_eq!(
        field(check(&request(EmbeddingInput::Tokens(vec![vec![]])))),
        "input"
    );
}

#[test]
fn read_puts_vectors_into_the_order_of_the_inputs() {
    let body = br#"{"data":[{"index":1,"embedding":[2,0.5]},{"index":0,"embedding":[1,0]}],
        "usage":{"prompt_tokens":4,"total_tokens":4}}"#;
    let embeddings = read(body, 2).unwrap();
    assert_eq!(embeddings.vectors, [vec![1.0, 0.0], vec![2.0, 0.5]]);
    assert_eq!(embeddings.prompt_tokens, Some(4));
    assert_eq!(read(body, 3), None);
    let body = br#"{"result":{"shape":[1,2],"data":[[1,2]]},"success":true,"errors":[]}"#;
    assert_eq!(read(body, 1).unwrap().vectors, [[1.0, 2.0]]);
    for wrong in [
        &br#"{"data":[{"index":0,"embedding":"AACAPw=="}]}"#[..],
        br#"{"data":[{"index":0,"embedding":[]}]}"#,
        br#"{"data":[{"index":7,"embedding":[1]}]}"#,
        b"[]",
        b"\xff",
    ] {
        assert_eq!(read(wrong, 1), None);
    }
}

#[test]
fn demo_vectors_of_equal_words_are_near() {
    let vectors = demo_vectors(&texts(&["red fish", "Fish, red!", "blue whale sings"]));
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    assert!(near(&vectors[0], &vectors[1]) > 0.99);
    assert!(near(&vectors[0], &vectors[2]) < 0.9);
    let short = demo_vectors(&EmbeddingRequest {
        dimensions: Some(3),
        ..texts(&["…"])
    });
    assert_eq!(short, [[1.0, 0.0, 0.0]]);
}

#[test]
fn workers_ai_takes_texts_only() {
    assert_eq!(workers_ai_body(&texts(&["a"])), Ok(json!({"text": ["a"]})));
    let tokens = request(EmbeddingInput::Tokens(vec![vec![1]]));
    assert_eq!(field(workers_ai_body(&tokens)), "input");
    assert_eq!(openai_body(&tokens)["input"], json!([[1]]));
}
