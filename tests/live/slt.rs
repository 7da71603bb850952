//! sqllogictest files as their users write them.

use super::Outcome;
use super::compare::PAIR;
use super::sandbox::{Sandbox, text};

/// Every form holds on both families, and what is not done is told at its line.
pub(crate) fn forms(sandbox: &Sandbox) -> Outcome {
    std::fs::create_dir_all(sandbox.folder.join("part"))?;
    sandbox.file("forms.slt", include_str!("slt/forms.slt"));
    sandbox.file(
        "part/fruit.slt",
        "\nstatement ok\nINSERT INTO fruit VALUES (1, 'pear'), (2, '12 plums')\n",
    );
    let suite = |rest: &str| {
        let suite = "[[suite]]\nname = \"s\"\nfiles = [\"forms.slt\"]\n";
        sandbox.matrix("forms.toml", &format!("{PAIR}\n{suite}{rest}"))
    };
    let refused = suite("");
    sandbox
        .run(&["run", text(&refused)])
        .expect(1)?
        .says("allow-system = true")?;
    let allowed = suite("allow-system = true\n");
    sandbox.run(&["run", text(&allowed)]).expect(0)?;
    sandbox.file(
        "part/fruit.slt",
        "\nstatement ok\nINSERT INTO fruit VALUES (1, 'fig')\n\nquery I multiline\nSELECT 1\n",
    );
    sandbox
        .run(&["run", text(&allowed)])
        .expect(1)?
        .says("part/fruit.slt:5: ")?
        .says("found `multiline` (included by ")?;
    std::fs::write(sandbox.folder.join("forms.slt"), b"query T\nSELECT HEX('\xe9')\n----\nE9\n\nstatement ok\nSET NAMES latin1\n\nquery T\nSELECT '\xe9'\n----\n\xe9\n")?;
    sandbox.run(&["run", text(&allowed)]).expect(0)?;
    Ok(())
}
