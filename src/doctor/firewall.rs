//! Parses the output of `nft list ruleset` and `iptables -S`. Pure.

use super::ruleset::{Chain, Interfaces, Rule, Ruleset, Target};

/// Splits a line into words; a text in double quotes is one word, without them.
fn split_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut is_quoted, mut was_quoted) = (false, false);
    for letter in line.chars() {
        match letter {
            '"' => {
                is_quoted = !is_quoted;
                was_quoted = true;
            }
            letter if letter.is_whitespace() && !is_quoted => {
                if !word.is_empty() || was_quoted {
                    words.push(std::mem::take(&mut word));
                }
                was_quoted = false;
            }
            letter => word.push(letter),
        }
    }
    if !word.is_empty() || was_quoted {
        words.push(word);
    }
    words
}

/// Parses `iptables -S`.
pub(crate) fn read_iptables(text: &str) -> Ruleset {
    let mut ruleset = Ruleset::default();
    for line in text.lines() {
        let words = split_words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["-P", name, policy] => ruleset.chains.push(Chain {
                table: "ip filter".to_owned(),
                name: name.to_owned(),
                is_first: name == "FORWARD",
                drops: policy == "DROP",
                rules: Vec::new(),
            }),
            ["-N", name] => ruleset.chains.push(Chain {
                table: "ip filter".to_owned(),
                name: name.to_owned(),
                ..Chain::default()
            }),
            ["-A", name, ref rest @ ..] => {
                let chain = ruleset.chains.iter_mut().find(|chain| chain.name == name);
                if let Some(chain) = chain {
                    chain.rules.push(read_iptables_rule(rest));
                }
            }
            _ => {}
        }
    }
    ruleset
}

fn read_iptables_rule(words: &[&str]) -> Rule {
    let mut rule = Rule::default();
    let mut is_negated = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().map_or("", |value| *value);
        match *word {
            "!" => {
                is_negated = true;
                continue;
            }
            "-i" => rule.input = interface(value(), is_negated),
            "-o" => rule.output = interface(value(), is_negated),
            "--ctstate" | "--state" if !is_negated => rule.states = states(value()),
            // The latter names the module of the options that follow.
            "--comment" | "-m" => {
                value();
            }
            "-j" | "-g" => {
                rule.target = match value() {
                    "ACCEPT" => Target::Accept,
                    "DROP" | "REJECT" => Target::Drop,
                    "RETURN" => Target::Return,
                    name => Target::Jump(name.to_owned()),
                };
                // The rest are the target's own options.
                break;
            }
            _ => rule.has_more = true,
        }
        is_negated = false;
    }
    rule
}

/// Parses an interface; iptables uses `+` where nft uses `*`.
fn interface(name: &str, is_negated: bool) -> Interfaces {
    let name = match name.strip_suffix('+') {
        Some(beginning) => format!("{beginning}*"),
        None => name.to_owned(),
    };
    match is_negated {
        false => Interfaces::Among(vec![name]),
        true => Interfaces::Except(vec![name]),
    }
}

fn states(list: &str) -> Vec<String> {
    let states = list.split(',').map(|state| state.trim().to_lowercase());
    states.filter(|state| !state.is_empty()).collect()
}

/// Families whose chains see forwarded IPv4 packets (nft(8), address families).
const FAMILIES: [&str; 2] = ["ip", "inet"];

/// Parses `nft list ruleset`.
pub(crate) fn read_nft(text: &str) -> Ruleset {
    let mut ruleset = Ruleset::default();
    let mut table: Option<String> = None;
    let mut chain: Option<Chain> = None;
    // Number of open braces of sets and maps.
    let mut depth = 0_usize;
    for line in text.lines() {
        let line = line.split(" # handle ").next().unwrap_or_default().trim();
        if depth > 0 {
            depth = (depth + count(line, '{')).saturating_sub(count(line, '}'));
            continue;
        }
        let words = split_words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match (words.as_slice(), &mut chain, &table) {
            (["table", family, name, "{"], None, None) => {
                table = Some(format!("{family} {name}"));
            }
            (["chain", name, "{"], None, Some(table)) => {
                chain = Some(Chain {
                    table: table.clone(),
                    name: (*name).to_owned(),
                    ..Chain::default()
                });
            }
            (["}"], Some(done), _) => {
                ruleset.chains.push(std::mem::take(done));
                chain = None;
            }
            (["}"], None, _) => table = None,
            (["type", kind, "hook", hook, rest @ ..], Some(chain), Some(table)) => {
                let family = table.split(' ').next().unwrap_or_default();
                chain.is_first =
                    *kind == "filter" && *hook == "forward" && FAMILIES.contains(&family);
                chain.drops = rest.windows(2).any(|pair| pair == ["policy", "drop;"]);
            }
            ([], _, _) => {}
            (words, Some(chain), _) => chain.rules.extend(read_nft_rule(words)),
            (_, None, _) => depth = count(line, '{').saturating_sub(count(line, '}')),
        }
    }
    ruleset
}

fn count(line: &str, brace: char) -> usize {
    line.chars().filter(|letter| *letter == brace).count()
}

/// Parses a line; a map from states to verdicts yields several rules.
fn read_nft_rule(words: &[&str]) -> Vec<Rule> {
    let mut rule = Rule::default();
    let mut rest = words;
    while let [word, after @ ..] = rest {
        rest = after;
        match (*word, rest) {
            ("iifname" | "iif", _) => rule.input = nft_interfaces(&mut rest),
            ("oifname" | "oif", _) => rule.output = nft_interfaces(&mut rest),
            ("ct", ["state", "vmap", ..]) => return verdict_map(&rule, &rest[2..]),
            ("ct", ["state", ..]) => {
                rest = &rest[1..];
                let (is_negated, values) = nft_values(&mut rest);
                rule.has_more |= is_negated;
                if !is_negated {
                    rule.states = values;
                }
            }
            ("counter", ["packets", _, "bytes", _, ..]) => rest = &rest[4..],
            ("ip", ["version", "4", ..]) | ("meta", ["nfproto", "ipv4", ..]) => rest = &rest[2..],
            ("comment", _) => rest = rest.get(1..).unwrap_or_default(),
            ("counter", _) => {}
            ("accept", _) => rule.target = Target::Accept,
            ("drop" | "reject", _) => {
                rule.target = Target::Drop;
                break;
            }
            ("return", _) => rule.target = Target::Return,
            ("jump" | "goto", [name, ..]) => rule.target = Target::Jump((*name).to_owned()),
            _ if rule.target == Target::Nothing => rule.has_more = true,
            _ => {}
        }
    }
    vec![rule]
}

fn nft_interfaces(rest: &mut &[&str]) -> Interfaces {
    let (is_negated, values) = nft_values(rest);
    match is_negated {
        false => Interfaces::Among(values),
        true => Interfaces::Except(values),
    }
}

/// Takes `[!=] VALUE` or `[!=] { VALUE, VALUE }`.
fn nft_values(rest: &mut &[&str]) -> (bool, Vec<String>) {
    let mut is_negated = false;
    if let [sign @ ("!=" | "=="), after @ ..] = *rest {
        is_negated = *sign == "!=";
        *rest = after;
    }
    let values = match *rest {
        ["{", after @ ..] => {
            let end = after.iter().position(|word| *word == "}");
            let end = end.unwrap_or(after.len());
            *rest = after.get(end + 1..).unwrap_or_default();
            after[..end].iter().flat_map(|word| listed(word)).collect()
        }
        [word, after @ ..] => {
            *rest = after;
            listed(word)
        }
        [] => Vec::new(),
    };
    (is_negated, values)
}

/// Splits values at commas; names of interfaces stay unchanged.
fn listed(word: &str) -> Vec<String> {
    let values = word.split(',').filter(|value| !value.is_empty());
    values.map(str::to_owned).collect()
}

/// `{ established : accept, related : accept, invalid : drop }`.
fn verdict_map(rule: &Rule, words: &[&str]) -> Vec<Rule> {
    let whole = words.join(" ");
    let inside = whole.trim_start_matches('{');
    let inside = inside.split('}').next().unwrap_or_default();
    let pairs = inside.split(',').filter_map(|pair| pair.split_once(':'));
    let rules = pairs.map(|(state, verdict)| {
        let mut verdict = verdict.split_whitespace();
        let target = match (verdict.next(), verdict.next()) {
            (Some("accept"), _) => Target::Accept,
            (Some("drop"), _) => Target::Drop,
            (Some("jump" | "goto"), Some(name)) => Target::Jump(name.to_owned()),
            (Some("return"), _) => Target::Return,
            _ => Target::Nothing,
        };
        Rule {
            states: states(state),
            target,
            ..rule.clone()
        }
    });
    rules.collect()
}

#[cfg(test)]
mod tests {
    use super::super::ruleset::{Packet, PacketVerdict};
    use super::*;

    const OUT: Packet<'_> = Packet {
        input: "dbmatrix0",
        output: "eth0",
        state: "new",
    };
    const BACK: Packet<'_> = Packet {
        input: "eth0",
        output: "dbmatrix0",
        state: "established",
    };

    fn dropped(table: &str, chain: &str) -> PacketVerdict {
        PacketVerdict::Dropped {
            table: table.to_owned(),
            chain: chain.to_owned(),
        }
    }

    const DOCKER: &str = "\
-P INPUT ACCEPT
-P FORWARD DROP
-P OUTPUT ACCEPT
-N DOCKER
-N DOCKER-CT
-N DOCKER-FORWARD
-N DOCKER-USER
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -o docker0 -j DOCKER
-A DOCKER-FORWARD -i docker0 -m comment --comment \"to the world\" -j ACCEPT
";

    #[test]
    fn dockers_policy_drops_what_comes_from_a_nest() {
        let rules = read_iptables(DOCKER);
        assert_eq!(rules.packet_verdict(OUT), dropped("ip filter", "FORWARD"));
        assert_eq!(rules.packet_verdict(BACK), dropped("ip filter", "FORWARD"));
        let of_docker = Packet {
            input: "docker0",
            ..OUT
        };
        assert_eq!(rules.packet_verdict(of_docker), PacketVerdict::Passes);
    }

    #[test]
    fn rules_for_the_bridge_let_it_through() {
        let more = "-A DOCKER-USER -i dbmatrix+ -j ACCEPT\n\
                    -A DOCKER-USER -o dbmatrix0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n";
        let rules = read_iptables(&format!("{DOCKER}{more}"));
        assert_eq!(rules.packet_verdict(OUT), PacketVerdict::Passes);
        assert_eq!(rules.packet_verdict(BACK), PacketVerdict::Passes);
    }

    #[test]
    fn a_rule_with_other_conditions_leaves_it_open() {
        let rules = "-P FORWARD DROP\n-A FORWARD -s 10.0.0.0/8 -j ACCEPT\n";
        let unclear = PacketVerdict::Unclear {
            table: "ip filter".to_owned(),
            chain: "FORWARD".to_owned(),
        };
        assert_eq!(read_iptables(rules).packet_verdict(OUT), unclear);
        let rules = "-P FORWARD ACCEPT\n-A FORWARD -p tcp -m tcp --dport 25 -j REJECT --reject-with icmp-port-unreachable\n";
        assert_eq!(
            read_iptables(rules).packet_verdict(OUT),
            PacketVerdict::Passes
        );
    }

    const NFT: &str = r#"table inet lxd {
	set names {
		type ifname
		elements = { "a",
			     "b" }
	}

	chain fwd.dbmatrix0 {
		type filter hook forward priority filter; policy accept;
		ip version 4 oifname "dbmatrix0" accept
		ip version 4 iifname "dbmatrix0" accept
	}
}
# Warning: table ip filter is managed by iptables-nft, do not touch!
table ip filter {
	chain DOCKER-USER {
		counter packets 0 bytes 0 return
	}

	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		counter packets 3 bytes 180 jump DOCKER-USER
		oifname "docker0" ct state related,established counter packets 0 bytes 0 accept
		iifname "docker0" oifname != "docker0" counter packets 0 bytes 0 accept
	}
}
table ip6 filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
	}
}
"#;

    #[test]
    fn what_one_nft_chain_accepts_another_one_may_drop() {
        let rules = read_nft(NFT);
        assert_eq!(rules.chains.len(), 4);
        assert_eq!(rules.packet_verdict(OUT), dropped("ip filter", "FORWARD"));
    }

    #[test]
    fn nft_rules_are_followed_through_sets_maps_and_jumps() {
        let rules = read_nft(
            r#"table inet filter {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state vmap { established : accept, related : accept, invalid : drop }
		iifname { "lxdbr0", "dbmatrix0" } jump trusted
	}

	chain trusted {
		tcp dport 25 drop
		counter packets 9 bytes 99 accept comment "all else"
	}
}
"#,
        );
        assert_eq!(rules.packet_verdict(OUT), PacketVerdict::Passes);
        assert_eq!(rules.packet_verdict(BACK), PacketVerdict::Passes);
        let other = Packet {
            input: "docker0",
            ..OUT
        };
        assert_eq!(
            rules.packet_verdict(other),
            dropped("inet filter", "forward")
        );
    }

    #[test]
    fn an_empty_ruleset_lets_all_through() {
        assert_eq!(read_nft("").packet_verdict(OUT), PacketVerdict::Passes);
        assert_eq!(read_iptables("").packet_verdict(OUT), PacketVerdict::Passes);
    }
}
