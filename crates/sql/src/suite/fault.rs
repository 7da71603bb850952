//! Faults of replicas: comments of a file that pause, stop or promote one before the next
//! step.

use std::fmt;

/// What such a comment begins with.
const MARK: &str = "dbmatrix:";

/// What happens to a replica before a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What is done.
    pub verb: FaultVerb,
    /// To which replica, from 1.
    pub replica: usize,
}

/// What is done to a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultVerb {
    /// Its processes are paused.
    Pause,
    /// They go on.
    Resume,
    /// It is shut down.
    Stop,
    /// It is started.
    Start,
    /// It is cut off from the network.
    Disconnect,
    /// It is joined again.
    Reconnect,
    /// It becomes the source.
    Promote,
}

impl FaultVerb {
    const WORDS: [(&str, FaultVerb); 7] = [
        ("pause", FaultVerb::Pause),
        ("resume", FaultVerb::Resume),
        ("stop", FaultVerb::Stop),
        ("start", FaultVerb::Start),
        ("disconnect", FaultVerb::Disconnect),
        ("reconnect", FaultVerb::Reconnect),
        ("promote", FaultVerb::Promote),
    ];
}

impl Fault {
    /// Reads the text of a comment, without what marks it as one; `None` if it is one for
    /// people.
    ///
    /// # Errors
    /// Human-readable, for a fault that dbmatrix does not know.
    pub(super) fn read(comment: &str) -> Option<Result<Self, String>> {
        let text = comment.trim_start().strip_prefix(MARK)?.trim();
        let read = || {
            let (verb, replica) = text.split_once(char::is_whitespace)?;
            let mut verbs = FaultVerb::WORDS.into_iter();
            let (_, verb) = verbs.find(|(word, _)| *word == verb)?;
            let replica = match replica.trim() {
                "replica" => 1,
                other => other.strip_prefix("replica-")?.parse().ok()?,
            };
            (replica > 0).then_some(Fault { verb, replica })
        };
        let expected = || {
            format!(
                "expected `{MARK}` with `pause`, `resume`, `stop`, `start`, `disconnect`, `reconnect` or `promote` and a replica, such as `replica-1`; found `{text}`"
            )
        };
        Some(read().ok_or_else(expected))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = FaultVerb::WORDS.into_iter();
        let word = words.find(|(_, verb)| *verb == self.verb);
        let word = word.map_or("", |(word, _)| word);
        write!(f, "{word} replica-{}", self.replica)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_with_the_mark_is_a_fault() {
        let read = |text: &str| {
            Fault::read(text)
                .expect("a fault")
                .map(|one| one.to_string())
        };
        assert_eq!(
            read(" dbmatrix: pause replica-2"),
            Ok("pause replica-2".to_owned())
        );
        assert_eq!(
            read("dbmatrix:start replica"),
            Ok("start replica-1".to_owned())
        );
        assert_eq!(
            read("dbmatrix: disconnect replica-3"),
            Ok("disconnect replica-3".to_owned())
        );
        assert_eq!(
            read("dbmatrix: promote replica-2"),
            Ok("promote replica-2".to_owned())
        );
        assert_eq!(Fault::read("pause replica-1"), None);
        for wrong in [
            "dbmatrix: kill replica-1",
            "dbmatrix: pause",
            "dbmatrix: stop replica-0",
        ] {
            let told = read(wrong).expect_err("no fault");
            assert!(
                told.starts_with("expected `dbmatrix:` with `pause`"),
                "{told}"
            );
        }
    }
}
