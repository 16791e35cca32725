//! Every route by every role; what is too large; paths that climb.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use veritally_board::admin_store::{AdminStore as _, Kind, Role};

use crate::fixture::{Fixture, file};

/// Who may: nobody needs to be signed in, or somebody of this role at least.
const MATRIX: &[(&str, &str, Option<Role>)] = &[
    ("GET", "admin/sign-in", None),
    ("GET", "admin/join", None),
    ("GET", "invitation/{token}", None),
    ("GET", "confirm/{id}/{credential}", None),
    ("GET", "admin", Some(Role::Observer)),
    ("GET", "admin/accounts", Some(Role::Owner)),
    ("GET", "admin/activity", Some(Role::Observer)),
    ("GET", "admin/activity.csv", Some(Role::Observer)),
    ("GET", "admin/e/{id}", Some(Role::Observer)),
    ("GET", "admin/e/{id}/voters.csv", Some(Role::Manager)),
    ("GET", "admin/e/{id}/voted.csv", Some(Role::Manager)),
    ("GET", "admin/e/{id}/voters|roll|reissue|report", Some(Role::Observer)),
    ("GET", "admin/e/{id}/{action}", Some(Role::Manager)),
    ("GET", "admin/d/{draft}/{step}", Some(Role::Manager)),
    ("POST", "admin/sign-in", None),
    ("POST", "admin/join", None),
    ("POST", "invitation/{token}", None),
    ("POST", "confirm/{id}/{credential}", None),
    ("POST", "admin/accounts", Some(Role::Owner)),
    ("POST", "admin/new", Some(Role::Manager)),
    ("POST", "admin/d/{draft}/{step}", Some(Role::Manager)),
    ("POST", "admin/e/{id}/voters", Some(Role::Manager)),
    ("POST", "admin/e/{id}/{action}", Some(Role::Manager)),
    ("POST", "admin/sign-out", Some(Role::Observer)),
];

const ACTIONS: [&str; 12] = [
    "open",
    "extend",
    "close",
    "publish",
    "abandon",
    "archive",
    "unarchive",
    "delete-voters",
    "confirm-by-mail",
    "roll",
    "reissue",
    "report",
];

/// The patterns of the functions `show` and `act`, written as in [`MATRIX`].
fn routed() -> Vec<(String, String)> {
    let source = include_str!("../../src/web/admin.rs");
    let body = |name: &str| {
        let begin = source.find(&format!("async fn {name}(visit")).unwrap();
        source[begin..].split("\n}\n").next().unwrap().to_owned()
    };
    let mut all = vec![];
    for (method, name) in [("GET", "show"), ("POST", "act")] {
        for line in body(name).lines() {
            let Some(pattern) = line.trim().strip_prefix('[').and_then(|rest| rest.split_once("] =>")) else {
                continue;
            };
            let part = |part: &str| match part.trim() {
                literal if literal.starts_with('"') => literal.replace(['"', ' '], ""),
                name => format!("{{{name}}}"),
            };
            let path = pattern.0.split(',').map(part).collect::<Vec<_>>().join("/");
            all.push((method.to_owned(), path));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_open_to_the_roles_that_it_is_for_and_to_no_others() {
    let fixture = Fixture::start(2).await;
    let named: Vec<_> = MATRIX.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    for route in routed() {
        assert!(named.contains(&route), "{route:?} is not in the matrix");
    }
    assert_eq!(named.len(), routed().len(), "the matrix has routes that are none");
    let mut tried = 0;
    for (method, pattern, needed) in MATRIX {
        let fill = |path: &str| {
            let path = path.replace("{id}", "sample").replace("{token}", "x").replace("{credential}", "00");
            format!("/{}", path.replace("{draft}", "0123456789abcdef").replace("{step}", "basics"))
        };
        let paths: Vec<String> = if pattern.ends_with("{action}") {
            let known = |action: &&&str| *method == "POST" || !["roll", "reissue", "report"].contains(*action);
            ACTIONS.iter().filter(known).map(|action| fill(&pattern.replace("{action}", action))).collect()
        } else if let Some((base, last)) = pattern.rsplit_once('/').filter(|(_, last)| last.contains('|')) {
            last.split('|').map(|last| fill(&format!("{base}/{last}"))).collect()
        } else {
            vec![fill(pattern)]
        };
        for path in paths {
            let post = *method == "POST";
            for who in [None, Some(Role::Observer), Some(Role::Manager), Some(Role::Owner)] {
                let (status, to, _) = fixture.ask(post, &path, who, "csrf=token").await;
                let case = format!("{method} {path} by {who:?}: {status} {to}");
                tried += 1;
                match needed {
                    None => assert!(status != 403 && (status != 303 || to != "/admin/sign-in"), "{case}"),
                    Some(_) if who.is_none() => assert_eq!((status, to.as_str()), (303, "/admin/sign-in"), "{case}"),
                    Some(needed) if who < Some(*needed) => assert_eq!(status, 403, "{case}"),
                    Some(_) if path.ends_with("sign-out") => assert_eq!(status, 303, "{case}"),
                    Some(_) => assert!(status != 403 && to != "/admin/sign-in", "{case}"),
                }
                // A form of another page, or of none.
                if post && who.is_some() && !path.ends_with("sign-out") {
                    assert_eq!(
                        fixture.ask(true, &path, who, "csrf=tokem&sure=on").await.0,
                        403,
                        "{case}, foreign form"
                    );
                }
            }
        }
    }
    assert!(tried > 150, "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_with_the_bound_and_not_kept() {
    let fixture = Fixture::start(2).await;
    let large = "x".repeat((32 << 20) + 1);
    for action in ["voters", "roll", "report"] {
        let (status, _, said) = fixture.manage(action, &file("list", &large)).await;
        assert_eq!(status, 413, "{action}");
        assert!(said.contains("32 MiB"), "{action}");
    }
    let (status, _, said) = fixture.manage("report", &file("report", &large[..(1 << 20) + 1])).await;
    assert!(status == 422 && said.contains("at most 1 MiB"));
    // Who is not signed in has a smaller bound.
    assert_eq!(fixture.ask(true, "/admin/sign-in", None, &large[..40_000]).await.0, 413);
    // A field that never ends is named by its line, and a list with a stray quotation mark is no list.
    let (status, _, said) = fixture.manage("voters", &file("list", &format!("id,name\n1,{}\n", &large[..2_000]))).await;
    assert!(status == 422 && said.contains("line 2"), "{said}");
    assert_eq!(fixture.store.list(Kind::VoterList).await.unwrap(), []);
}

/// What the board answers to a path that no client tidies up first.
async fn raw(url: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: board\r\ncookie: __Host-session=owner\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_climb_lead_nowhere() {
    let fixture = Fixture::start(1).await;
    let beyond = fixture.store_folder().join("secret");
    std::fs::write(&beyond, "what nobody may read").unwrap();
    assert!(raw(&fixture.url, "/admin").await.starts_with("HTTP/1.1 200"));
    let absolute = beyond.display().to_string();
    let mut tried = 0;
    for before in [
        "",
        "/assets/",
        "/assets/x/",
        "/e/sample/",
        "/e/sample/tile/",
        "/e/sample/tile/entries/",
        "/admin/e/",
        "/admin/d/",
    ] {
        for climb in [
            "../secret",
            "../../secret",
            "../../../secret",
            "..%2fsecret",
            "..%2f..%2fsecret",
            "%2e%2e/secret",
            "%2e%2e%2f%2e%2e%2fsecret",
            "..\\secret",
            "..%5csecret",
            "....//secret",
            ".%00./secret",
            absolute.as_str(),
        ] {
            let answer = raw(&fixture.url, &format!("/{}{climb}", before.trim_start_matches('/'))).await;
            let status: u16 = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
            assert!([303, 400, 404, 405].contains(&status), "{before}{climb}: {answer}");
            assert!(!answer.contains("what nobody may read"), "{before}{climb}");
            tried += 1;
        }
    }
    assert_eq!(tried, 96);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_another_language_is_the_same_page() {
    let fixture = Fixture::start(1).await;
    let plain = |page: String| page.replace("&#38;", "&").replace("&amp;", "&");
    let (_, _, page) = fixture.ask(false, "/admin/join?token=abc%26lang&lang=de&done=joined", None, "").await;
    assert!(plain(page.clone()).contains("href=\"/admin/join?token=abc%26lang&lang=fr\""), "{page}");
    let (_, _, page) = fixture.ask(false, "/e/sample/ballots?code=00000-00000-00000-00000", None, "").await;
    assert!(plain(page.clone()).contains("code=00000-00000-00000-00000&lang=es\""), "{page}");
    // A form that was refused is shown without its address: the token is put there.
    let (status, page) = fixture.join("192.0.2.1", "no-token", "ada", "correct horse battery").await;
    assert!(status == 422 && plain(page.clone()).contains("/admin/join?token=no-token&lang=de\""), "{page}");
}
