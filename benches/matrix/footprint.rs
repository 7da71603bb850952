//! What a flavour takes of memory and disk, and what dbmatrix takes itself.

use std::time::{Duration, Instant};

use dbmatrix_containers::nest::disk_usage;
use tokio::io::AsyncReadExt;
use tokio::net::UnixListener;

use crate::PROJECT;
use crate::Result;
use crate::corpus::Corpus;
use crate::figure::{Figure, Section};
use crate::matrix::{DEBIAN, Flavour, NEST, ONE, Service, plain, services, tiny, write};
use crate::place::Place;
use crate::process::{Interrupted, kilobytes};

const ABOUT: &str = "memory is what is resident of a server two seconds after its login. The disk \
    of a clone is what it has for itself alone, that of a golden child what it has beyond its \
    image. dbmatrix's own memory is the most that was resident";

/// How long a server is left alone before it counts as idle.
const IDLE: Duration = Duration::from_secs(2);
/// How often the program is started up to its first request.
const STARTS: usize = 20;
const MEGABYTE: f64 = 1e6;

const RESIDENT: &str = r#"
pid=$(systemctl show "$SERVICE" --property MainPID --value)
cat "/proc/$pid/status"
"#;

/// Name and bytes of each golden child, less those of its image. What it has
/// for itself alone says nothing: a clone that was removed goes on sharing with
/// it for half a minute.
const GOLDEN: &str = r#"
cd /var/lib/incus/storage-pools/default
total() { btrfs filesystem du --summarize --raw "$1" | awk 'END { print $1 }'; }
for folder in containers/golden-*; do
    name="${folder#containers/}"
    image=$(incus config get "$name" volatile.base_image)
    echo "$name $(($(total "$folder") - $(total "images/$image")))"
done
"#;

/// The same server in both sizes.
fn both_sizes() -> Vec<Flavour> {
    let sizes = DEBIAN.into_iter().flat_map(|(name, server)| {
        let stock = Flavour {
            more: "memory-profile = 'default'",
            ..plain(&format!("{name}-stock"), server)
        };
        [plain(name, server), stock]
    });
    sizes.collect()
}

/// What was seen of one flavour, round by round.
#[derive(Debug, Default)]
struct Seen {
    memory: Vec<f64>,
    clone: Vec<f64>,
    golden: Vec<f64>,
}

pub(crate) async fn footprint(place: &Place, corpus: &Corpus) -> Result<Section> {
    let mut section = Section::new("footprint", ABOUT);
    let matrix = tiny(place, "footprint.toml", &both_sizes())?;
    let services = services(&matrix)?;
    let mut seen: Vec<Seen> = services.iter().map(|_| Seen::default()).collect();
    for _ in 0..place.rounds {
        place.run(&matrix, "keep", &[]).await?.expect(&[0])?;
        tokio::time::sleep(IDLE).await;
        look(place, &services, &mut seen).await?;
    }
    let told = place.in_nest(GOLDEN).await?;
    for (service, seen) in services.iter().zip(&mut seen) {
        seen.golden.extend(golden_size(&told, &service.golden));
    }
    place.run(&matrix, "delete", &[]).await?.expect(&[0])?;
    tell_flavours(&mut section, &services, &seen);
    let peaks = own_memory(place, corpus).await?;
    let name = format!("dbmatrix on {}", corpus.largest_name());
    section.tell(Figure::bytes(name, &peaks).at_most(50.0 * MEGABYTE));
    let starts = start_up(place).await?;
    let name = "dbmatrix, start-up to first byte on the socket";
    section.tell(Figure::seconds(name, &starts).at_most(0.02));
    Ok(section)
}

async fn look(place: &Place, services: &[Service], seen: &mut [Seen]) -> Result<()> {
    let sizes = sizes(place).await?;
    for (service, seen) in services.iter().zip(seen) {
        let server = place.find(&service.flavour).await?;
        let status = server.exec(&service.unit, RESIDENT).await?;
        let resident = kilobytes(&status, "VmRSS:");
        let resident = resident.ok_or_else(|| format!("{} does not run", service.flavour))?;
        seen.memory.push(resident as f64);
        seen.clone
            .extend(of_flavour(&sizes, service).map(|size| size as f64));
    }
    Ok(())
}

/// What each container has on the disk, once it is all there.
async fn sizes(place: &Place) -> Result<std::collections::BTreeMap<String, u64>> {
    place.in_nest("sync --file-system /").await?;
    let host = place.engine().await?.in_project(PROJECT);
    Ok(disk_usage(&host, NEST).await?)
}

fn golden_size(told: &str, golden: &str) -> Option<f64> {
    let mut lines = told.lines().filter_map(|line| line.split_once(' '));
    let (_, size) = lines.find(|(name, _)| *name == golden)?;
    size.parse().ok()
}

fn tell_flavours(section: &mut Section, services: &[Service], seen: &[Seen]) {
    let all = || services.iter().zip(seen);
    // Each is followed by the same in its other size.
    for (at, (service, seen_of)) in all().enumerate() {
        let mut figure = Figure::bytes(format!("{}, memory", service.flavour), &seen_of.memory);
        if at % 2 == 0 {
            figure = figure.to("as its package has it", &seen[at + 1].memory);
        }
        section.tell(figure);
    }
    for (at, (service, seen)) in all().enumerate() {
        let name = format!("{}, disk of a clone", service.flavour);
        let figure = Figure::bytes(name, &seen.clone);
        section.tell(match at % 2 {
            0 => figure.at_most(30.0 * MEGABYTE),
            _ => figure,
        });
    }
    for (service, seen) in all() {
        let name = format!("{}, disk of the golden child", service.flavour);
        section.tell(Figure::bytes(name, &seen.golden));
    }
}

async fn own_memory(place: &Place, corpus: &Corpus) -> Result<Vec<f64>> {
    let files = [corpus.largest()];
    let matrix = write(place, "largest.toml", &[plain(ONE.0, ONE.1)], &files)?;
    let mut peaks = Vec::new();
    for _ in 0..place.rounds {
        let course = place.run(&matrix, "delete", &["--jobs", "1"]).await?;
        peaks.push(course.expect(&[0, 1])?.ended.peak as f64);
    }
    Ok(peaks)
}

/// An engine that never answers sees when it is first spoken to.
async fn start_up(place: &Place) -> Result<Vec<f64>> {
    let socket = place.folder.path().join("engine.socket");
    let listener = UnixListener::bind(&socket)?;
    let socket = socket.to_string_lossy();
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let mut list = place.program(&["list", "--engine", &*socket]);
        let mut child = list.kill_on_drop(true).spawn()?;
        let first = async {
            let (mut peer, _) = listener.accept().await?;
            peer.read_u8().await?;
            Ok::<_, std::io::Error>(begun.elapsed())
        };
        let took = tokio::select! {
            took = first => took?,
            status = child.wait() => return Err(format!("`dbmatrix list` ended with {}", status?).into()),
            () = place.stop.cancelled() => return Err(Interrupted.into()),
        };
        starts.push(took.as_secs_f64());
        child.kill().await?;
    }
    Ok(starts)
}

/// Of a flavour's two containers, that of the run; the other one is only copied.
fn of_flavour(sizes: &std::collections::BTreeMap<String, u64>, service: &Service) -> Option<u64> {
    let twin = dbmatrix_containers::name::copy(
        &service.container,
        dbmatrix_containers::name::Copy::Second,
    );
    let both = [&service.container, &twin].map(|name| sizes.get(name).copied());
    both.into_iter().flatten().max()
}
