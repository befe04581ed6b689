//! Conversations without messages.

use journal::testing::World;

use super::run;
use crate::entries::Draft;
use crate::library;

fn draft(number: u32) -> Draft {
    Draft {
        id: format!("550e8400-e29b-41d4-a716-44665544000{number}"),
        title: None,
        model: None,
        system: None,
        time: 1_000,
        limit: 3,
    }
}

#[test]
fn drafts_of_one_millisecond_have_times_in_their_order() {
    let world = World::new(1);
    // The highest id first, so that neither time nor id alone gives the order.
    let created = [4, 3, 2, 1].map(|number| {
        run(&world, move |journal| async move {
            library::create_draft(&journal, draft(number))
                .await
                .unwrap()
        })
    });
    assert_eq!(
        created.each_ref().map(|draft| draft.time),
        [1_000, 1_001, 1_002, 1_003]
    );
    let kept = run(&world, |journal| async move {
        library::drafts(&journal).await.unwrap()
    });
    assert_eq!(kept, created[1..]);
}
