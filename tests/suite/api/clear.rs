//! `DELETE /api/clear`, and `DELETE /api/conversations`, which does the same.

use serde_json::json;

use crate::harness::App;

#[tokio::test]
async fn clear_deletes_all_conversations() {
    for path in ["/api/conversations", "/api/clear"] {
        let guest = App::shared().await.client().guest().await;
        let id = guest.say("one").await;
        guest.say("two").await;
        let response = guest.delete(path).await;
        assert_eq!(
            (response.status, response.json()),
            (200, json!({ "success": true }))
        );
        assert!(guest.conversations().await.is_empty());
        guest
            .get(&format!("/api/conversations/{id}"))
            .await
            .is_error(404, "NOT_FOUND");
        // It may be repeated, and new conversations work.
        assert_eq!(guest.delete(path).await.status, 200);
        guest.say("a new life").await;
        assert_eq!(guest.conversations().await.len(), 1);
    }
}
