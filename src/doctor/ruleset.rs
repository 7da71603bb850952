//! A packet filter's rules, as far as they matter for what is forwarded, and
//! what becomes of a packet. Pure; knows no tool's words.

/// Chains of one packet filter, in the order in which they are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ruleset {
    pub(crate) chains: Vec<Chain>,
}

/// A chain of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The table that it is in, such as `inet filter`.
    pub(crate) table: String,
    pub(crate) name: String,
    /// Whether forwarded packets come here first.
    pub(crate) is_first: bool,
    /// Whether those that no rule decides on are dropped.
    pub(crate) drops: bool,
    pub(crate) rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Interfaces that packets come in by.
    pub(crate) input: Interfaces,
    /// Interfaces that they leave by.
    pub(crate) output: Interfaces,
    /// Only packets of connections in these states; all where it is empty.
    pub(crate) states: Vec<String>,
    /// Whether it has conditions that are none of the above.
    pub(crate) has_more: bool,
    pub(crate) target: Target,
}

/// A condition on an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Interfaces {
    #[default]
    Any,
    /// One of these; `*` at the end stands for anything.
    Among(Vec<String>),
    /// None of these.
    Except(Vec<String>),
}

/// What a rule does with a packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Target {
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
pub(crate) struct Packet<'a> {
    pub(crate) input: &'a str,
    pub(crate) output: &'a str,
    /// `new` or `established`.
    pub(crate) state: &'a str,
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PacketVerdict {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Accept,
    Drop,
}

/// What the rules of a chain say of one packet.
#[derive(Debug, Clone, Copy, Default)]
struct Saying {
    /// `None` where they leave it to who asked.
    end: Option<End>,
    /// Whether a rule accepts some packets by conditions that are not known.
    may_pass: bool,
}

enum Fit {
    Yes,
    No,
    Maybe,
}

impl Ruleset {
    /// Every first chain must let a packet through.
    pub(crate) fn fate(&self, packet: Packet<'_>) -> PacketVerdict {
        let mut unclear = None;
        let mut known = vec![None; self.chains.len()];
        for (at, chain) in self.chains.iter().enumerate() {
            if !chain.is_first {
                continue;
            }
            let Saying { end, may_pass } = self.ask(at, packet, &mut known);
            let is_dropped = match end {
                Some(End::Accept) => false,
                Some(End::Drop) => true,
                None => chain.drops,
            };
            let (table, name) = (chain.table.clone(), chain.name.clone());
            match (is_dropped, may_pass) {
                (false, _) => {}
                (true, false) => return PacketVerdict::Dropped { table, chain: name },
                (true, true) => unclear = Some(PacketVerdict::Unclear { table, chain: name }),
            }
        }
        unclear.unwrap_or(PacketVerdict::Passes)
    }

    /// What the rules of the chain at that place say. A rule that drops some
    /// packets by conditions that are not known is taken to mean others.
    ///
    /// Each chain is asked once, whoever jumps to it: many rules may, and those
    /// of that chain to the next. A chain that is being asked says nothing, since
    /// rules cannot loop, though text may.
    fn ask(&self, at: usize, packet: Packet<'_>, known: &mut [Option<Saying>]) -> Saying {
        if let Some(saying) = known[at] {
            return saying;
        }
        let mut saying = Saying::default();
        known[at] = Some(saying);
        for rule in &self.chains[at].rules {
            let fit = rule.fit(packet);
            if matches!(fit, Fit::No) {
                continue;
            }
            let end = match &rule.target {
                Target::Nothing => None,
                Target::Return if matches!(fit, Fit::Yes) => break,
                Target::Return => None,
                Target::Accept => Some(End::Accept),
                Target::Drop => Some(End::Drop),
                Target::Jump(name) => {
                    let next = self.find(&self.chains[at].table, name);
                    let next = next.map(|next| self.ask(next, packet, known));
                    let next = next.unwrap_or_default();
                    saying.may_pass |= next.may_pass;
                    next.end
                }
            };
            match (end, fit) {
                (Some(end), Fit::Yes) => {
                    saying.end = Some(end);
                    break;
                }
                (Some(End::Accept), _) => saying.may_pass = true,
                _ => {}
            }
        }
        known[at] = Some(saying);
        saying
    }

    fn find(&self, table: &str, name: &str) -> Option<usize> {
        let mut chains = self.chains.iter();
        chains.position(|chain| chain.table == table && chain.name == name)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(name: &str, is_first: bool, targets: &[Target]) -> Chain {
        let rule = |target: &Target| Rule {
            target: target.clone(),
            ..Rule::default()
        };
        Chain {
            name: name.to_owned(),
            is_first,
            drops: is_first,
            rules: targets.iter().map(rule).collect(),
            ..Chain::default()
        }
    }

    fn fate(chains: Vec<Chain>) -> PacketVerdict {
        let packet = Packet {
            input: "br0",
            output: "eth0",
            state: "new",
        };
        Ruleset { chains }.fate(packet)
    }

    #[test]
    fn follows_each_chain_once_however_many_rules_jump_to_it() {
        // 10 to the 15th ways lead to the last chain.
        let jumps = |number: usize| vec![Target::Jump(format!("c{number}")); 10];
        let mut chains: Vec<Chain> = (0..15)
            .map(|at| chain(&format!("c{at}"), at == 0, &jumps(at + 1)))
            .collect();
        chains.push(chain("c15", false, &[]));
        assert!(matches!(
            fate(chains.clone()),
            PacketVerdict::Dropped { .. }
        ));
        chains[15].rules.push(Rule {
            target: Target::Accept,
            ..Rule::default()
        });
        assert_eq!(fate(chains), PacketVerdict::Passes);
    }

    #[test]
    fn ends_where_chains_jump_to_each_other() {
        let jump = |name: &str| Target::Jump(name.to_owned());
        let loops = vec![
            chain("a", true, &[jump("b"), jump("a")]),
            chain("b", false, &[jump("a"), jump("b"), Target::Accept]),
        ];
        assert_eq!(fate(loops), PacketVerdict::Passes);
    }
}
