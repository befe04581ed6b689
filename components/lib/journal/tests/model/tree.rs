//! Maps in pages against `BTreeMap`.

use std::collections::BTreeMap;

use journal::testing::World;
use journal::tree::Tree;
use journal::{Error, set_all};
use proptest::prelude::*;

type Changes = BTreeMap<String, Option<String>>;

fn changes() -> impl Strategy<Value = Vec<Changes>> {
    let value = prop::option::weighted(0.7, (0_usize..900).prop_map(|length| "v".repeat(length)));
    let key = (0_u32..400).prop_map(|number| format!("k{number:04}"));
    prop::collection::vec(prop::collection::btree_map(key, value, 1..60), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_map_after_any_changes_is_the_same_as_one_in_memory(
        changes in changes(),
        begin in 0_u32..400,
        width in 0_u32..400,
        limit in 0_usize..50,
    ) {
        let world = World::new(1);
        let client = world.client();
        let result = world.finish(async move {
            let mut model: BTreeMap<String, String> = BTreeMap::new();
            let mut root: Option<String> = None;
            for (number, changes) in changes.into_iter().enumerate() {
                let mut tree = Tree::new(&client, "t:");
                let before = (root.clone(), model.clone());
                let change = tree
                    .change(root.as_deref(), changes.clone(), &format!("c{number}"))
                    .await
                    .unwrap();
                for (key, value) in changes {
                    match value {
                        Some(value) => model.insert(key, value),
                        None => model.remove(&key),
                    };
                }
                set_all(&client, change.pages.clone()).await.unwrap();
                // The map before is as it was, until what was replaced is deleted.
                assert_eq!(all(&client, before.0.as_deref()).await.unwrap(), before.1);
                let doomed = change.replaced.iter().map(|page| tree.key(page)).collect();
                journal::Store::delete_many(&client, doomed).await.unwrap();
                root = change.root;
                assert_eq!(all(&client, root.as_deref()).await.unwrap(), model);
                let tree = Tree::new(&client, "t:");
                let (begin, end) = (format!("k{begin:04}"), format!("k{:04}", begin + width));
                let range = begin.as_str()..end.as_str();
                let expected: Vec<(String, String)> = model
                    .range(begin.clone()..end.clone())
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                let first = tree
                    .first(root.as_deref(), range.clone(), limit, |value: &String| value.len() > 99)
                    .await
                    .unwrap();
                let long = expected.iter().filter(|(_, value)| value.len() > 99).take(limit);
                assert_eq!(first, long.cloned().collect::<Vec<_>>());
                let last = tree.last::<String>(root.as_deref(), range, limit).await.unwrap();
                assert_eq!(last, expected.iter().rev().take(limit).cloned().collect::<Vec<_>>());
                for number in (0..400).step_by(7) {
                    let key = format!("k{number:04}");
                    let found = tree.get::<String>(root.as_deref(), &key).await.unwrap();
                    assert_eq!(found.as_ref(), model.get(&key));
                }
            }
            root
        });
        // Nothing but the pages of the last map is left.
        let client = world.client();
        let root = result.unwrap();
        let pages = world.finish(async move {
            let tree = Tree::new(&client, "t:");
            match root {
                Some(root) => tree.pages::<String>(&root).await.unwrap().concat().len(),
                None => 0,
            }
        });
        prop_assert_eq!(world.keys().len(), pages.unwrap());
    }
}

async fn all(
    client: &journal::testing::Client,
    root: Option<&str>,
) -> Result<BTreeMap<String, String>, Error> {
    let tree = Tree::new(client, "t:");
    let items = tree.last(root, "".."~", usize::MAX).await?;
    Ok(items.into_iter().collect())
}

#[test]
fn a_page_that_was_deleted_is_erased_and_not_an_empty_map() {
    let world = World::new(1);
    let client = world.client();
    let found = world.finish(async move {
        let tree = Tree::new(&client, "t:");
        tree.get::<String>(Some("gone"), "k").await
    });
    assert_eq!(found, Some(Err(Error::Erased)));
}
