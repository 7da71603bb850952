//! Children that leave a nest in a file and come to another one, when an engine
//! misbehaves: nothing incomplete stays.

use std::io::{self, Cursor};
use std::net::Ipv4Addr;

use dbmatrix_containers::host::Names;
use dbmatrix_containers::nest::{
    ExportSession, Import, IncomingContainer, Located, MaintenanceError, NestError, Pruning,
    SnapshotConsistency, locate, prune,
};
use dbmatrix_engine::EngineError;
use tokio::io::AsyncReadExt;

use super::listing::{PROJECT, machine};
use super::nested::{children, nest};
use super::state::Stateful;
use super::trouble::{NOT_DONE, Trouble};

const SHOP: &str = "shop";
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

/// A flavour that runs, in a nest of the host.
async fn shop() -> (Stateful, Stateful, Located) {
    let (host, inner) = machine();
    let own = [("flavour", SHOP), ("address", "10.99.1.20"), ("key", "k")];
    inner.put(SHOP, "Running", &own);
    let located = locate(&host.engine(), &Names::of(PROJECT), SHOP, None).await;
    (host, inner, located.expect("it is there"))
}

async fn read(package: &mut ExportSession) -> Result<String, EngineError> {
    let content = package.open().await?;
    let mut text = String::new();
    let mut reader = content.into_reader();
    reader.read_to_string(&mut text).await.expect("all of it");
    Ok(text)
}

/// What leaves and nothing but that: packed, read and removed.
async fn packed() -> String {
    let (_host, inner, located) = shop().await;
    let mut package = located
        .package(SnapshotConsistency::Clean, "")
        .await
        .expect("a copy");
    assert_eq!(
        inner.there(),
        ["shop: running", "shop--packed: stopped, incomplete"]
    );
    let text = read(&mut package).await.expect("what is packed");
    package.remove().await.expect("a removal");
    assert_eq!(inner.there(), ["shop: running"]);
    text
}

#[tokio::test(start_paused = true)]
async fn what_leaves_a_nest_has_no_address_there() {
    let text = packed().await;
    assert!(text.contains(r#""user.dbmatrix.flavour":"shop""#), "{text}");
    assert!(!text.contains("10.99.1.20"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_cannot_be_made_leaves_the_server_as_it_was() {
    let steps = ["copy shop as shop--packed", "change shop--packed"];
    for step in steps {
        for trouble in NOT_DONE.into_iter().chain([Trouble::LostAfterwards]) {
            let (_host, inner, located) = shop().await;
            inner.once(step, trouble);
            let failed = located.package(SnapshotConsistency::Clean, "").await;
            assert!(matches!(failed, Err(MaintenanceError::Engine(_))), "{step}");
            assert_eq!(inner.there(), ["shop: running"], "{step}: {trouble:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_cannot_be_packed_or_read_leaves_nothing() {
    let refused = Trouble::Refused(500, "refused");
    let [packing, reading] = [
        (
            "pack shop--packed",
            vec![refused, NOT_DONE[1], Trouble::Lost, Trouble::Endless],
        ),
        ("read packed shop--packed", vec![refused, Trouble::Lost]),
    ];
    for (step, troubles) in [packing, reading] {
        for trouble in troubles {
            let (_host, inner, located) = shop().await;
            let mut package = located
                .package(SnapshotConsistency::Crash, "")
                .await
                .expect("a copy");
            inner.once(step, trouble);
            read(&mut package).await.expect_err("a failure");
            package.remove().await.expect("a removal");
            assert_eq!(inner.there(), ["shop: running"], "{step}: {trouble:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_package_that_a_killed_export_has_left_is_swept() {
    let (_host, inner, located) = shop().await;
    located
        .package(SnapshotConsistency::Crash, "")
        .await
        .expect("a copy");
    children(&inner).await;
    assert_eq!(inner.there(), ["shop: running"]);
}

/// Brings it in, up to the step that fails.
async fn bring_in(import: &mut Import, text: &str) -> Result<(), NestError> {
    import.receive(Cursor::new(text.to_owned())).await?;
    import.fit(CLIENT).await?;
    import.start().await?;
    import.finish().await
}

#[tokio::test(start_paused = true)]
async fn what_comes_has_an_address_of_the_nest_and_is_left_alone() {
    let text = packed().await;
    let (host, inner) = machine();
    inner.put("other", "Stopped", &[("address", "10.99.1.10")]);
    let nest = nest(inner.engine());
    let mut import = Import::begin(&nest, SHOP).await.expect("a place");
    bring_in(&mut import, &text).await.expect("it comes in");
    assert_eq!(inner.record("imported--shop", "address"), "10.99.1.11");
    assert_eq!(inner.record("imported--shop", "client"), "10.99.0.1");
    let children = children(&inner).await;
    let pruned = prune(&host.engine(), &nest, &[], Pruning::Remove).await;
    assert!(pruned.expect("a look").is_empty());
    assert_eq!(inner.there(), ["imported--shop: running", "other: stopped"]);
    // Another one of that name is neither brought in nor made.
    let taken = Import::begin(&nest, SHOP).await;
    assert!(matches!(taken, Err(NestError::Taken { .. })));
    let refused = children.ensure_not_imported(SHOP).await;
    assert!(matches!(refused, Err(NestError::Imported { .. })));
    let other = children.ensure_not_imported("other").await;
    assert!(other.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_brought_in_leaves_nothing() {
    let text = packed().await;
    let steps = [
        "unpack imported--shop",
        "set imported--shop",
        "change imported--shop",
        "write in imported--shop",
        "start imported--shop",
    ];
    for step in steps {
        for trouble in NOT_DONE.into_iter().chain([Trouble::LostAfterwards]) {
            if let (true, Trouble::Failed(_)) = (step.starts_with("write"), trouble) {
                continue; // It is no operation.
            }
            let inner = Stateful::start();
            let nest = nest(inner.engine());
            let mut import = Import::begin(&nest, SHOP).await.expect("a place");
            inner.once(step, trouble);
            let failed = bring_in(&mut import, &text).await;
            failed.expect_err(step);
            import.abandon().await.expect("a removal");
            assert!(inner.there().is_empty(), "{step}: {:?}", inner.there());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_import_has_left_is_swept_or_replaced() {
    let text = packed().await;
    let inner = Stateful::start();
    let nest = nest(inner.engine());
    for _ in 0..2 {
        let mut import = Import::begin(&nest, SHOP).await.expect("a place");
        let received = import.receive(Cursor::new(text.clone())).await;
        received.expect("it is unpacked");
        assert_eq!(inner.there(), ["imported--shop: stopped, incomplete"]);
    }
    children(&inner).await;
    assert!(inner.there().is_empty());
}

/// Sends a flavour to another engine, up to the step that fails.
async fn send(incoming: &mut IncomingContainer) -> Result<(), NestError> {
    let (_host, _inner, located) = shop().await;
    let package = located
        .package(SnapshotConsistency::Crash, incoming.transfer_id())
        .await;
    let mut package = package.expect("a copy");
    let content = package.open().await?;
    incoming.receive(None, content.into_reader()).await?;
    incoming.detach().await
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_is_a_container_like_others_there() {
    let lab = Stateful::start();
    let mut incoming = IncomingContainer::into_engine(&lab.engine(), SHOP)
        .await
        .expect("a place");
    send(&mut incoming).await.expect("it arrives");
    assert_eq!(lab.there(), ["shop: stopped"]);
    assert_eq!(lab.record(SHOP, "flavour"), SHOP);
    for forgotten in ["owner", "stage", "parcel", "address"] {
        assert_eq!(lab.record(SHOP, forgotten), "", "{forgotten}");
    }
    let taken = IncomingContainer::into_engine(&lab.engine(), SHOP).await;
    assert!(matches!(taken, Err(NestError::There { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_leaves_nothing_there_and_takes_nobody_elses() {
    for step in ["unpack shop", "write in shop", "set shop"] {
        for trouble in [
            Trouble::Refused(403, "not authorized"),
            Trouble::LostAfterwards,
        ] {
            let lab = Stateful::start();
            let mut incoming = IncomingContainer::into_engine(&lab.engine(), SHOP)
                .await
                .expect("a place");
            lab.once(step, trouble);
            let failed = send(&mut incoming).await;
            failed.expect_err(step);
            // By then it is a container like others.
            let is_whole = step == "set shop" && matches!(trouble, Trouble::LostAfterwards);
            incoming.abandon().await.expect("a removal");
            assert_eq!(lab.there().is_empty(), !is_whole, "{step}: {trouble:?}");
        }
    }
    let lab = Stateful::start();
    let mut incoming = IncomingContainer::into_engine(&lab.engine(), SHOP)
        .await
        .expect("a place");
    lab.put_foreign(SHOP);
    send(&mut incoming)
        .await
        .expect_err("somebody else was faster");
    incoming.abandon().await.expect("a look");
    assert_eq!(lab.there(), ["shop: running"]);
}

#[tokio::test]
async fn a_file_that_breaks_off_is_told_and_nothing_is_unpacked() {
    let inner = Stateful::start();
    let nest = nest(inner.engine());
    let mut import = Import::begin(&nest, SHOP).await.expect("a place");
    let whole = Cursor::new(packed().await.repeat(10_000));
    let cut = whole.chain(tokio_util::io::StreamReader::new(
        futures_util::stream::once(async {
            Err::<Cursor<&[u8]>, _>(io::Error::other("the end is gone"))
        }),
    ));
    // Its stream is read where the engine's connection is.
    let cut = Box::pin(cut);
    let error = import.receive(cut).await.expect_err("it breaks off");
    assert!(
        matches!(&error, NestError::Engine(EngineError::Source { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("the end is gone"), "{error}");
    import.abandon().await.expect("nothing is there");
    assert!(inner.there().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_flavour_is_not_taken_for_the_packed_copy_of_another() {
    for taken in ["shop-packed", "shop--packed"] {
        let (_host, inner, located) = shop().await;
        let own = [("flavour", taken), ("address", "10.99.1.21"), ("key", "k")];
        inner.put(taken, "Running", &own);
        if let Ok(package) = located.package(SnapshotConsistency::Clean, "").await {
            package.remove().await.expect("a removal");
        }
        let there = inner.there();
        assert!(there.contains(&format!("{taken}: running")), "{there:?}");
    }
}
