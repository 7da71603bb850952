//! What a container remembers of a promotion: its server keeps its part after a restart, and
//! whoever lists it sees that part.

use dbmatrix_containers::nest::{MemberRole, note_role};
use dbmatrix_engine::{Engine, Exec};

use crate::server::ServerError;

/// The last line for a setting counts. What an earlier promotion wrote goes.
const NOTE: &str = r#"
file=$(find /etc/mysql/ -maxdepth 2 -type f \( -name zz-dbmatrix.cnf -o -name dbmatrix.cnf \) | head -n 1)
if [ -z "$file" ]; then
    echo 'expected the settings that dbmatrix wrote below /etc/mysql; found none' >&2
    exit 1
fi
sed -i '/^# Since a promotion\./,$d' "$file"
printf '# Since a promotion.\n%s\n' "$LINES_OF_PART" >> "$file"
"#;

/// Notes the part of a server in its container, which runs: for lists, and for its next
/// start.
///
/// # Errors
/// As of the engine.
pub(super) async fn keep_part(
    engine: &Engine,
    container: &str,
    role: MemberRole,
    is_semi_sync: bool,
) -> Result<(), ServerError> {
    note_role(engine, container, role).await?;
    let note = Exec::script(NOTE).env("LINES_OF_PART", &lines(role, is_semi_sync));
    let output = engine.exec(container, &note).await?;
    match output.success() {
        true => Ok(()),
        false => Err(ServerError::Step {
            step: "keep the server's part after a promotion",
            output: output.tail(15),
        }),
    }
}

/// The settings of a part. MySQL and MariaDB have names of their own for the same.
fn lines(role: MemberRole, is_semi_sync: bool) -> String {
    let is_source = role == MemberRole::Source;
    let on = |is_on: bool| if is_on { "ON" } else { "OFF" };
    let mut lines = vec![format!("read-only = {}", on(!is_source))];
    if is_semi_sync {
        for (part, is_on) in [
            ("master", is_source),
            ("source", is_source),
            ("slave", !is_source),
            ("replica", !is_source),
        ] {
            lines.push(format!(
                "loose-rpl-semi-sync-{part}-enabled = {}",
                on(is_on)
            ));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_starts_again_in_its_part() {
        assert_eq!(lines(MemberRole::Source, false), "read-only = OFF");
        assert_eq!(lines(MemberRole::Detached, false), "read-only = ON");
        let lines = lines(MemberRole::Source, true);
        assert!(
            lines.contains("rpl-semi-sync-master-enabled = ON\n"),
            "{lines}"
        );
        assert!(
            lines.contains("rpl-semi-sync-replica-enabled = OFF"),
            "{lines}"
        );
    }
}
