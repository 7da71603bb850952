//! What becomes of a run's servers when it is over.

use futures_util::future::join_all;

use super::flavour::hold_fresh;
use super::stand::Stand;
use crate::event::Sender;
pub use crate::matrix::After;
use crate::matrix::Flavour;

/// Does to the servers of a run what is to become of them. Returns what could
/// not be done, for people.
pub async fn put_to_rest(stand: &Stand, flavours: &[Flavour], after: After) -> Vec<String> {
    let each = flavours.iter().map(|flavour| async move {
        let ended = rest(stand, flavour, after).await;
        ended
            .err()
            .map(|reason| format!("{}: {reason}", flavour.name))
    });
    join_all(each).await.into_iter().flatten().collect()
}

async fn rest(stand: &Stand, flavour: &Flavour, after: After) -> Result<(), String> {
    let container = flavour.container();
    let children = &stand.children;
    match after {
        After::Keep => Ok(()),
        After::Stop => told(children.stop(&container).await),
        After::Delete => told(children.remove(&container).await),
        After::Freeze if told(children.is_up(&container).await)? => {
            // Nobody listens any more.
            let (events, _) = Sender::channel();
            hold_fresh(stand, flavour, &events).await
        }
        After::Freeze => Ok(()),
    }
}

fn told<T>(ended: Result<T, crate::nest::NestError>) -> Result<T, String> {
    ended.map_err(|error| error.to_string())
}
