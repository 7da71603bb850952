//! A packet filter's rules, as far as they matter for what is forwarded, and
//! what becomes of a packet. Pure; knows no tool's words.

/// How deep chains are followed: rules cannot loop, but a parser may err.
const DEEPEST: usize = 16;

/// Chains of one packet filter, in the order in which they are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ruleset {
    pub(super) chains: Vec<Chain>,
}

/// A chain of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// The table that it is in, such as `inet filter`.
    pub(super) table: String,
    pub(super) name: String,
    /// Whether forwarded packets come here first.
    pub(super) is_first: bool,
    /// Whether those that no rule decides on are dropped.
    pub(super) drops: bool,
    pub(super) rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rule {
    /// Interfaces that packets come in by.
    pub(super) input: Interfaces,
    /// Interfaces that they leave by.
    pub(super) output: Interfaces,
    /// Only packets of connections in these states; all where it is empty.
    pub(super) states: Vec<String>,
    /// Whether it has conditions that are none of the above.
    pub(super) has_more: bool,
    pub(super) target: Target,
}

/// A condition on an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Interfaces {
    #[default]
    Any,
    /// One of these; `*` at the end stands for anything.
    Among(Vec<String>),
    /// None of these.
    Except(Vec<String>),
}

/// What a rule does with a packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Target {
    /// Counts it, marks it, writes it down.
    #[default]
    Nothing,
    Accept,
    Drop,
    /// Asks another chain, and goes on.
    Jump(String),
    /// Goes back to where it came from.
    Return,
}

/// A packet that is forwarded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) input: &'a str,
    pub(super) output: &'a str,
    /// `new` or `established`.
    pub(super) state: &'a str,
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Passes,
    /// This chain of this table drops it.
    Dropped {
        table: String,
        chain: String,
    },
    /// It is dropped unless a rule takes it whose conditions are not known.
    Unclear {
        table: String,
        chain: String,
    },
}

/// What the rules of a chain say.
enum End {
    Accept,
    Drop,
}

enum Fit {
    Yes,
    No,
    Maybe,
}

impl Ruleset {
    /// Every first chain must let a packet through.
    pub(super) fn fate(&self, packet: Packet<'_>) -> Fate {
        let mut unclear = None;
        for chain in self.chains.iter().filter(|chain| chain.is_first) {
            let mut may_pass = false;
            let end = self.walk(chain, packet, &mut may_pass, DEEPEST);
            let is_dropped = match end {
                Some(End::Accept) => false,
                Some(End::Drop) => true,
                None => chain.drops,
            };
            let (table, name) = (chain.table.clone(), chain.name.clone());
            match (is_dropped, may_pass) {
                (false, _) => {}
                (true, false) => return Fate::Dropped { table, chain: name },
                (true, true) => unclear = Some(Fate::Unclear { table, chain: name }),
            }
        }
        unclear.unwrap_or(Fate::Passes)
    }

    /// What the rules say; `None` where they leave it to who asked. A rule that
    /// drops some packets by conditions that are not known is taken to mean
    /// others.
    fn walk(
        &self,
        chain: &Chain,
        packet: Packet<'_>,
        may_pass: &mut bool,
        left: usize,
    ) -> Option<End> {
        for rule in &chain.rules {
            let fit = rule.fit(packet);
            if matches!(fit, Fit::No) {
                continue;
            }
            let end = match &rule.target {
                Target::Nothing => None,
                Target::Return if matches!(fit, Fit::Yes) => return None,
                Target::Return => None,
                Target::Accept => Some(End::Accept),
                Target::Drop => Some(End::Drop),
                Target::Jump(name) => {
                    let next = self
                        .chains
                        .iter()
                        .find(|next| next.table == chain.table && next.name == *name);
                    next.filter(|_| left > 0)
                        .and_then(|next| self.walk(next, packet, may_pass, left - 1))
                }
            };
            match (end, fit) {
                (Some(end), Fit::Yes) => return Some(end),
                (Some(End::Accept), _) => *may_pass = true,
                _ => {}
            }
        }
        None
    }
}

impl Rule {
    fn fit(&self, packet: Packet<'_>) -> Fit {
        let has_state = self.states.is_empty() || self.states.iter().any(|s| s == packet.state);
        if !(self.input.has(packet.input) && self.output.has(packet.output) && has_state) {
            return Fit::No;
        }
        match self.has_more {
            true => Fit::Maybe,
            false => Fit::Yes,
        }
    }
}

impl Interfaces {
    fn has(&self, name: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => pattern == name,
        };
        match self {
            Interfaces::Any => true,
            Interfaces::Among(patterns) => patterns.iter().any(fits),
            Interfaces::Except(patterns) => !patterns.iter().any(fits),
        }
    }
}
