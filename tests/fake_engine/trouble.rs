//! What goes wrong in an engine, and when.

/// What becomes of something that an engine is asked to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// It is refused with an HTTP status; nothing is done.
    Refused(u16, &'static str),
    /// Its operation begins and fails; nothing is done.
    Failed(&'static str),
    /// The connection ends; nothing is done.
    Lost,
    /// It is done, and the connection ends before anybody hears of it.
    LostAfterwards,
    /// It is done, and its operation never ends.
    Endless,
}

/// Each way in which something is not done.
pub(crate) const NOT_DONE: [Trouble; 3] = [
    Trouble::Refused(400, "refused"),
    Trouble::Failed("no space left on device"),
    Trouble::Lost,
];

/// Troubles to come, each with what they befall and how often.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Vec<(String, Trouble, usize)>);

impl Troubles {
    pub(crate) fn add(&mut self, act: &str, trouble: Trouble, times: usize) {
        self.0.push((act.to_owned(), trouble, times));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The trouble that befalls `act` now.
    pub(crate) fn befall(&mut self, act: &str) -> Option<Trouble> {
        let is_it = |(of, _, left): &&mut (String, Trouble, usize)| of == act && *left > 0;
        let (_, trouble, left) = self.0.iter_mut().find(is_it)?;
        *left -= 1;
        Some(*trouble)
    }
}
