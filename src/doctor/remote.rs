//! Checks of an engine on another machine: as much as its API shows. What its machine lacks,
//! a doctor there finds.

use dbmatrix_containers::host::{Names, RemoteChoice};
use dbmatrix_containers::nest::{Inner, NestStatus, inspect};
use dbmatrix_engine::ServerInfo;

use super::Finding;

/// Checks the way to the engine, and the nests there.
pub(super) async fn check_remote(remote: &RemoteChoice, names: &Names) -> Vec<Finding> {
    let info = match remote.engine.server_info().await {
        Ok(info) => info,
        Err(error) => return vec![Finding::problem("engine", error.to_string())],
    };
    if info.auth != "trusted" {
        return vec![untrusted(remote)];
    }
    let at = remote.engine.address();
    let answers = format!(
        "{} of remote `{}` answers at {at}",
        info.title(),
        remote.name
    );
    let mut findings = vec![Finding::ok("engine", answers), machine(&info)];
    match inspect(&remote.engine).await {
        Ok(nests) => findings.extend(nests_there(&nests, names)),
        Err(error) => findings.push(Finding::problem("nests", error.to_string())),
    }
    findings
}

fn untrusted(remote: &RemoteChoice) -> Finding {
    let own = remote.client_certificate.display();
    let told = format!("that of remote `{}` does not trust `{own}`", remote.name);
    Finding::problem("engine", told).remedy(
        "on that machine: incus config trust add-certificate FILE (or: lxc config trust add FILE)",
    )
}

fn machine(info: &ServerInfo) -> Finding {
    let here = std::env::consts::ARCH;
    let there = &info.environment.kernel_architecture;
    match there == here {
        true => Finding::ok("machine", info.kernel()),
        false => Finding::problem(
            "machine",
            format!("{}, and images are built for {here}", info.kernel()),
        )
        .remedy("choose an engine on a machine of this kind"),
    }
}

fn nests_there(nests: &[NestStatus], names: &Names) -> Vec<Finding> {
    let own: Vec<&NestStatus> = nests.iter().filter(|nest| nest.names == *names).collect();
    if own.is_empty() {
        let none = format!(
            "project `{}` has none; `dbmatrix run` makes one",
            names.project
        );
        return vec![Finding::ok("nests", none)];
    }
    own.into_iter().map(nest_there).collect()
}

fn nest_there(nest: &NestStatus) -> Finding {
    let name = &nest.info.nest;
    let at = format!("nest {name}");
    if !nest.info.is_complete {
        return Finding::note(at, "incomplete; the next run makes it anew");
    }
    match &nest.inner {
        Inner::Asleep => Finding::ok(at, "does not run; the next run starts it"),
        Inner::Silent { why, remedy } => {
            let finding = Finding::problem(at, format!("its engine does not answer: {why}"));
            match remedy {
                Some(remedy) => finding.remedy(remedy.clone()),
                None => finding.remedy("`dbmatrix down` and another run make it anew"),
            }
        }
        Inner::Answers {
            children,
            incomplete,
        } if incomplete.is_empty() => Finding::ok(
            at,
            format!("its engine answers, with {children} containers"),
        ),
        Inner::Answers { incomplete, .. } => Finding::note(
            at,
            format!(
                "incomplete: {}; the next run removes them",
                incomplete.join(", ")
            ),
        ),
    }
}
