//! Sockets and presence.

use super::{World, on_both, user};
use crate::bindings::exports::goldfish::messaging::connections::{
    Owner, PresenceChoice, PresenceState,
};

fn owner(user: &str, proof: &str) -> Owner {
    Owner {
        user: user.to_owned(),
        proof: proof.to_owned(),
    }
}

on_both! {
    async fn a_ticket_opens_one_socket(world: &World) {
        let session = world.session();
        let ticket = session.create_ticket(&owner("u1", "session:a")).await.unwrap();
        assert!(session.take_ticket("other").await.unwrap().is_none());
        let taken = session.take_ticket(&ticket).await.unwrap().unwrap();
        assert_eq!((taken.user.as_str(), taken.proof.as_str()), ("u1", "session:a"));
        assert!(session.take_ticket(&ticket).await.unwrap().is_none());
        let ticket = session.create_ticket(&owner("u1", "session:a")).await.unwrap();
        session.end_connections("u1", Some("session:a")).await.unwrap();
        assert!(session.take_ticket(&ticket).await.unwrap().is_none());
    }

    async fn seen_loses_what_the_user_may_no_longer_follow(world: &World) {
        let channel = world.channel("u1", &["u2"], false).await;
        let other = world.channel("u1", &["u2"], false).await;
        let thread = world.thread("u1", &channel).await;
        let session = world.session();
        assert!(session.open_connection("k", &owner("u2", "session:a"), None).await.unwrap().is_first);
        assert_eq!(session.open_connection("l", &owner("u2", "session:b"), None).await.unwrap().count, 2);
        assert!(session.follow("k", &channel, Some(&thread), 2).await.unwrap());
        assert!(session.follow("k", &other, None, 2).await.unwrap());
        assert!(!session.follow("k", &channel, None, 2).await.unwrap());
        assert!(!session.follow("nobody", &channel, None, 2).await.unwrap());
        assert_eq!(session.list_connections("u2").await.unwrap()[0].follows.len(), 2);
        let seen = session.see_connection("k").await.unwrap().unwrap();
        assert!(seen.lost.is_empty() && seen.follows.len() == 2);
        session.remove_member(&user("u1"), &channel, "u2").await.unwrap();
        let seen = session.see_connection("k").await.unwrap().unwrap();
        assert_eq!(seen.lost[0].thread_id.as_ref(), Some(&thread));
        assert_eq!(seen.follows[0].subscription.channel_id, other);
        assert!(seen.follows[0].number > 0);
        session.end_connections("u2", Some("session:a")).await.unwrap();
        assert!(session.see_connection("k").await.unwrap().is_none());
        assert!(session.close_connection("l").await.unwrap());
        assert!(!session.close_connection("l").await.unwrap());
    }

    async fn presence_is_seen_by_those_who_share_a_channel(world: &World) {
        world.channel("u1", &["u2"], false).await;
        world.users(&["u3"]).await;
        let session = world.session();
        let of = ["u2".to_owned()];
        let state = async |asker: &str| {
            let presences = session.list_presence(asker, &of).await.unwrap();
            presences.first().map(|presence| presence.state)
        };
        assert!(matches!(state("u1").await, Some(PresenceState::Offline)));
        assert!(state("u3").await.is_none());
        session.open_connection("k", &owner("u2", "session:a"), None).await.unwrap();
        assert!(matches!(state("u1").await, Some(PresenceState::Online)));
        assert!(matches!(session.presence_choice("u2").await.unwrap(), PresenceChoice::Online));
        session.set_presence("u2", PresenceChoice::Away).await.unwrap();
        assert!(matches!(session.presence_choice("u2").await.unwrap(), PresenceChoice::Away));
        assert!(matches!(state("u1").await, Some(PresenceState::Away)));
        session.set_presence("u2", PresenceChoice::Hidden).await.unwrap();
        assert!(matches!(state("u1").await, Some(PresenceState::Offline)));
        assert!(matches!(session.presence_choice("u2").await.unwrap(), PresenceChoice::Hidden));
    }
}
