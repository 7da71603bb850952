//! A packet filter's rules for forwarding, and their verdict on a packet. Pure; knows no
//! tool's syntax.

/// Chains of one packet filter, in order of evaluation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ruleset {
    pub(crate) chains: Vec<Chain>,
}

/// A chain of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Its table, such as `inet filter`.
    pub(crate) table: String,
    pub(crate) name: String,
    /// Whether forwarded packets enter here.
    pub(crate) is_first: bool,
    /// Whether it drops packets that no rule decides on.
    pub(crate) drops: bool,
    pub(crate) rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Interfaces of incoming packets.
    pub(crate) input: Interfaces,
    /// Interfaces of outgoing packets.
    pub(crate) output: Interfaces,
    /// Only packets of connections in these states; empty for all.
    pub(crate) states: Vec<String>,
    /// Whether it has other conditions.
    pub(crate) has_more: bool,
    pub(crate) target: Target,
}

/// A condition on an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Interfaces {
    #[default]
    Any,
    /// One of these; a final `*` matches anything.
    Among(Vec<String>),
    /// None of these.
    Except(Vec<String>),
}

/// The action of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Target {
    /// Counts, marks or logs it.
    #[default]
    Nothing,
    Accept,
    Drop,
    /// Evaluates another chain, and continues.
    Jump(String),
    /// Returns to the calling chain.
    Return,
}

/// A forwarded packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet<'a> {
    pub(crate) input: &'a str,
    pub(crate) output: &'a str,
    /// `new` or `established`.
    pub(crate) state: &'a str,
}

/// The verdict on a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PacketVerdict {
    Passes,
    /// This chain of this table drops it.
    Dropped {
        table: String,
        chain: String,
    },
    /// It is dropped unless a rule with unknown conditions accepts it.
    Unclear {
        table: String,
        chain: String,
    },
}

/// The result of a chain's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Accept,
    Drop,
}

/// The result of a chain's rules for one packet.
#[derive(Debug, Clone, Copy, Default)]
struct Saying {
    /// `None` if the calling chain decides.
    end: Option<End>,
    /// Whether a rule with unknown conditions accepts some packets.
    may_pass: bool,
}

enum Fit {
    Yes,
    No,
    Maybe,
}

impl Ruleset {
    /// Every base chain must accept a packet.
    pub(crate) fn packet_verdict(&self, packet: Packet<'_>) -> PacketVerdict {
        let mut unclear = None;
        let mut known = vec![None; self.chains.len()];
        for (at, chain) in self.chains.iter().enumerate() {
            if !chain.is_first {
                continue;
            }
            let Saying { end, may_pass } = self.evaluate_chain(at, packet, &mut known);
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

    /// The result of the chain at that index. A rule with unknown conditions that drops
    /// packets is assumed to concern others.
    ///
    /// Each chain is evaluated once, whatever jumps to it: many rules may, and those of
    /// that chain to the next. A chain under evaluation yields no result: real rules
    /// cannot loop, but text may.
    fn evaluate_chain(
        &self,
        at: usize,
        packet: Packet<'_>,
        known: &mut [Option<Saying>],
    ) -> Saying {
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
                    let next = next.map(|next| self.evaluate_chain(next, packet, known));
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

    fn packet_verdict(chains: Vec<Chain>) -> PacketVerdict {
        let packet = Packet {
            input: "br0",
            output: "eth0",
            state: "new",
        };
        Ruleset { chains }.packet_verdict(packet)
    }

    #[test]
    fn follows_each_chain_once_however_many_rules_jump_to_it() {
        // 10 to the 15th paths lead to the last chain.
        let jumps = |number: usize| vec![Target::Jump(format!("c{number}")); 10];
        let mut chains: Vec<Chain> = (0..15)
            .map(|at| chain(&format!("c{at}"), at == 0, &jumps(at + 1)))
            .collect();
        chains.push(chain("c15", false, &[]));
        assert!(matches!(
            packet_verdict(chains.clone()),
            PacketVerdict::Dropped { .. }
        ));
        chains[15].rules.push(Rule {
            target: Target::Accept,
            ..Rule::default()
        });
        assert_eq!(packet_verdict(chains), PacketVerdict::Passes);
    }

    #[test]
    fn ends_where_chains_jump_to_each_other() {
        let jump = |name: &str| Target::Jump(name.to_owned());
        let loops = vec![
            chain("a", true, &[jump("b"), jump("a")]),
            chain("b", false, &[jump("a"), jump("b"), Target::Accept]),
        ];
        assert_eq!(packet_verdict(loops), PacketVerdict::Passes);
    }
}
