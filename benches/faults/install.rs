//! What an installation needs goes away: the package mirror, room in the pool.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::Result;
use crate::attempt::{Attempt, Outcome};
use crate::bench::Bench;
use crate::section::{Hit, failure_of};

/// The progress that an installation begins with.
const BEGUN: &str = ": installing its server";
/// An installation takes at least so long.
const INSTALLATION: f64 = 8.0;

/// Children's requests to web servers and proxies go nowhere, or are refused.
const STOP_MIRROR: &str = "\
nft add table ip faults
nft add chain ip faults forward '{ type filter hook forward priority -10; }'
nft add rule ip faults forward tcp dport '{ 80, 443, 3128, 8080 }' $VERDICT
";
const START_MIRROR: &str = "nft delete table ip faults";

const POOL: &str = "/var/lib/incus/storage-pools/default";

/// Removes the packages that earlier installations fetched.
pub(crate) async fn forget_packages(bench: &Bench) -> Result<()> {
    let script = format!("rm -f {POOL}/custom/*/*.deb");
    bench.place.in_nest(&script).await.map(drop)
}

pub(crate) async fn stop_mirror(
    bench: &Bench,
    attempt: Attempt,
    random: &mut StdRng,
) -> Result<Hit> {
    let verdict = match random.random_bool(0.5) {
        true => "drop",
        false => "reject with tcp reset",
    };
    let stop = STOP_MIRROR.replace("$VERDICT", verdict);
    let moment = Duration::from_secs_f64(random.random_range(0.0..INSTALLATION));
    interrupted_installation(bench, attempt, moment, (&stop, START_MIRROR)).await
}

/// Leaves so little that an installation may begin and cannot end. The installation
/// takes some of what was free a moment ago.
pub(crate) async fn fill_pool(bench: &Bench, attempt: Attempt, random: &mut StdRng) -> Result<Hit> {
    let left: u32 = random.random_range(1..60);
    let fill = format!(
        "left={left}\n\
         free=$(df --output=avail --block-size=1M {POOL} | tail -1)\n\
         until fallocate -l \"$((free - left))M\" {POOL}/filler; do\n\
             rm -f {POOL}/filler\n\
             left=$((left + 32))\n\
             test \"$left\" -lt 1024\n\
         done\n"
    );
    let moment = Duration::from_secs_f64(random.random_range(0.0..INSTALLATION / 2.0));
    let empty = format!("rm -f {POOL}/filler; sync");
    interrupted_installation(bench, attempt, moment, (&fill, &empty)).await
}

async fn interrupted_installation(
    bench: &Bench,
    mut attempt: Attempt,
    moment: Duration,
    (take, give_back): (&str, &str),
) -> Result<Hit> {
    if !attempt.reaches(BEGUN, bench.limit).await? {
        let outcome = attempt.end(bench.limit).await?;
        return Err(format!("nothing was installed: {}", outcome.describe()).into());
    }
    attempt.sleep(moment).await?;
    let taken = bench.place.in_nest(take).await;
    let ended = attempt.end(bench.limit).await;
    // Whatever happened, the nest is as it was.
    let given_back = bench.place.in_nest(give_back).await;
    taken?;
    let outcome: Outcome = ended?;
    given_back?;
    Ok(Hit {
        moment,
        hit: outcome.code() != Some(0),
        failure: failure_of(&outcome, true),
    })
}
