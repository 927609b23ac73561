//! URLs: what is found in good ones, and what is said of bad ones.

use super::*;

fn parse(url: &str) -> Target {
    Target::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[test]
fn every_part_of_a_url_is_found() {
    for (url, secure, host, port, host_field, resource) in [
        ("ws://a", false, "a", 80, "a", "/"),
        ("wss://a", true, "a", 443, "a", "/"),
        (
            "WsS://Example.COM/",
            true,
            "example.com",
            443,
            "example.com",
            "/",
        ),
        ("ws://a:80/", false, "a", 80, "a", "/"),
        ("ws://a:443/", false, "a", 443, "a:443", "/"),
        ("wss://a:80", true, "a", 80, "a:80", "/"),
        ("ws://a:/x", false, "a", 80, "a", "/x"),
        ("ws://a:00080", false, "a", 80, "a", "/"),
        ("ws://a:65535", false, "a", 65535, "a:65535", "/"),
        ("ws://a?q", false, "a", 80, "a", "/?q"),
        ("ws://a:1?q=/x?y", false, "a", 1, "a:1", "/?q=/x?y"),
        ("ws://a/b/../c/./d//", false, "a", 80, "a", "/b/../c/./d//"),
        (
            "ws://127.0.0.1:9/",
            false,
            "127.0.0.1",
            9,
            "127.0.0.1:9",
            "/",
        ),
        ("ws://[::1]", false, "[::1]", 80, "[::1]", "/"),
        (
            "wss://[2001:DB8:0:0::1]:1/",
            true,
            "[2001:db8::1]",
            1,
            "[2001:db8::1]:1",
            "/",
        ),
        ("ws://a.b./", false, "a.b.", 80, "a.b.", "/"),
        (
            "ws://a_b.xn--p1ai",
            false,
            "a_b.xn--p1ai",
            80,
            "a_b.xn--p1ai",
            "/",
        ),
        ("ws://a/@x:y", false, "a", 80, "a", "/@x:y"),
        ("ws://u:p@a:1/", false, "a", 1, "a:1", "/"),
        ("ws://@a/", false, "a", 80, "a", "/"),
        (
            "ws://a/caf\u{e9}?q=\u{20ac}",
            false,
            "a",
            80,
            "a",
            "/caf%C3%A9?q=%E2%82%AC",
        ),
    ] {
        let target = parse(url);
        assert_eq!(target.secure, secure, "{url}");
        assert_eq!(target.host.to_string(), host, "{url}");
        assert_eq!(target.port, port, "{url}");
        assert_eq!(target.host_field(), host_field, "{url}");
        assert_eq!(target.resource, resource, "{url}");
    }
}

#[cfg(unix)]
#[test]
fn a_unix_socket_has_a_path_and_a_resource() {
    for (url, socket, resource) in [
        ("ws+unix:///run/a.sock", "/run/a.sock", "/"),
        (
            "WS+UNIX:///run/a.sock:/feed?x=1:2",
            "/run/a.sock",
            "/feed?x=1:2",
        ),
        ("ws+unix:///a%3Ab%20c.sock:?x", "/a:b c.sock", "/?x"),
    ] {
        let target = parse(url);
        assert_eq!(target.host, Host::Unix(socket.to_owned()), "{url}");
        assert_eq!(target.resource, resource, "{url}");
        assert_eq!(target.host_field(), "localhost");
        let path = resource.split('?').next().unwrap();
        assert_eq!(target.to_string(), format!("ws+unix://{socket}:{path}"));
    }
    for (url, reason) in [
        ("ws+unix://run/a.sock", "no absolute path"),
        ("ws+unix://", "no absolute path"),
        ("ws+unix:///a.sock?x=1", "colon is missing"),
        ("ws+unix:///a%00b", "control"),
        ("ws+unix:///a%", "%25"),
        ("ws+unix:///a:/b#c", "fragment"),
    ] {
        let error = Target::parse(url).unwrap_err();
        assert!(error.to_string().contains(reason), "{url}: {error}");
    }
}

#[test]
fn what_cannot_be_dialled_is_refused_with_its_reason() {
    let long_label = format!("ws://{}.com", "a".repeat(64));
    let long_name = format!("ws://{}com", "abc.".repeat(63));
    for (url, reason) in [
        ("", "begin with ws://"),
        ("a.com", "begin with ws://"),
        ("//a.com/", "begin with ws://"),
        ("ws:/a.com", "begin with ws://"),
        ("ws:a.com", "begin with ws://"),
        ("http://a", "write ws://"),
        ("HTTPS://a", "write wss://"),
        ("file:///etc", "neither ws nor wss"),
        ("://a", "neither ws nor wss"),
        ("ws://", "no host"),
        ("ws:///x", "no host"),
        ("ws://:80", "no host"),
        ("ws://u@/", "no host"),
        ("ws://.", "no host"),
        ("ws://?q", "no host"),
        ("ws://a#", "fragment"),
        ("ws://a/#b", "fragment"),
        ("ws://a?b#c", "fragment"),
        ("ws://a:0", "port is 0"),
        ("ws://a:65536", "above 65535"),
        ("ws://a:99999999999999999999", "above 65535"),
        ("ws://a:+80", "not a number"),
        ("ws://a:-1", "not a number"),
        ("ws://a:8o", "not a number"),
        ("ws://::1/", "in brackets"),
        ("ws://a:1:2/", "in brackets"),
        ("ws://[::1", "closing bracket"),
        ("ws://[::1]x", "closing bracket"),
        ("ws://[::1]]:80", "closing bracket"),
        ("ws://[]", "not an IPv6"),
        ("ws://[127.0.0.1]", "not an IPv6"),
        ("ws://[::g]", "not an IPv6"),
        ("ws://[fe80::1%eth0]", "zone"),
        ("ws://[fe80::1%25eth0]", "zone"),
        ("ws://b\u{fc}cher.example", "punycode"),
        ("ws://a%41", "no host name has"),
        ("ws://a b", "white space"),
        (" ws://a", "white space"),
        ("ws://a\n", "white space"),
        ("ws://a/x\r\nX: y", "control"),
        ("ws://a/\0", "control"),
        ("ws://a/\u{7f}", "control"),
        ("ws://a/\u{a0}", "white space"),
        ("ws:\\\\a", "backslash"),
        ("ws://a\\@b", "backslash"),
        ("ws://a/x\\y", "backslash"),
        ("ws://a..b", "part that is empty"),
        ("ws://.a", "part that is empty"),
        ("ws://a..", "part that is empty"),
        ("ws://a,b", "no host name has"),
        ("ws://a<b", "no host name has"),
        ("ws://127.1", "ends in a number"),
        ("ws://1", "ends in a number"),
        ("ws://256.0.0.1", "ends in a number"),
        ("ws://127.0.0.1.", "ends in a number"),
        ("ws://a.0x7f", "ends in a number"),
        ("ws://a/%", "%25"),
        ("ws://a/%4", "%25"),
        ("ws://a?q=%zz", "%25"),
        ("ws://u:50%@a", "%25"),
        ("ws://u%00:p@a", "control"),
        ("ws://u%3Av:p@a", "colon"),
        ("ws://u:%ff@a", "not UTF-8"),
        (&long_label, "63 characters"),
        (&long_name, "253 characters"),
    ] {
        let Err(error) = Target::parse(url) else {
            panic!("{url:?} was taken");
        };
        assert_eq!(error.kind(), ErrorKind::Url, "{url:?}");
        assert!(error.to_string().contains(reason), "{url:?}: {error}");
    }
}

#[test]
fn whatever_the_text_what_goes_into_the_request_is_one_word() {
    let pieces = [
        "ws",
        "wss",
        "://",
        "/",
        "?",
        "#",
        "@",
        ":",
        "[",
        "]",
        "%",
        "%4",
        "%41",
        ".",
        "a",
        "A-b",
        "::1",
        "127.0.0.1",
        "65535",
        "0",
        "\r\n",
        " ",
        "\0",
        "\u{e9}",
        "\u{ff0f}",
        "\u{2028}",
        "\\",
        "\"",
        "xn--p1ai",
        "_",
        "&x=y",
    ];
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut accepted = 0;
    for _ in 0..50_000 {
        let mut url = "ws://a".to_owned();
        for _ in 0..random(6) {
            url.push_str(pieces[random(pieces.len())]);
        }
        if let Ok(target) = Target::parse(&url) {
            accepted += 1;
            for word in [&*target.host_field(), &*target.resource] {
                assert!(
                    word.bytes().all(|byte| byte.is_ascii_graphic()),
                    "{url:?}: {word}"
                );
                assert!(!word.is_empty());
            }
        }
    }
    assert!(accepted > 10_000, "{accepted}");
}

#[test]
fn user_and_password_become_basic_authorization() {
    let authorization = |url| {
        parse(url)
            .authorization
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(
        authorization("ws://Aladdin:open%20sesame@a").as_deref(),
        Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    );
    // user:, then u@:p@:
    assert_eq!(
        authorization("ws://user@a").as_deref(),
        Some("Basic dXNlcjo=")
    );
    assert_eq!(
        authorization("ws://u@:p@:@a").as_deref(),
        Some("Basic dUA6cEA6")
    );
    assert_eq!(authorization("ws://@a"), None);
    assert_eq!(authorization("ws://a/@"), None);
}

#[test]
fn secrets_are_never_shown() {
    let target = parse("wss://us3r:s3cret@a.com/path?token=t0ken");
    assert_eq!(target.to_string(), "wss://a.com:443/path");
    assert_eq!(format!("{target:?}"), "wss://a.com:443/path");
    for url in [
        "ws://us3r:s3cret@a.com:99999",
        "ws://us3r:s3cret@a b",
        "ws://us3r:s3cret/x@a",
        "ws://us3r:s3cret?x@a",
        "ws://us3r:s3cret%@a",
        "ws://us3r:s3cret#@a",
        "ws://us3r:s3cret@b\u{fc}cher",
        "us3r:s3cret@a",
        "s3cret://a",
        "ws://a?token=s3cret%",
    ] {
        let error = Target::parse(url).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("us3r"),
            "{shown}"
        );
    }
}

#[test]
fn the_short_way_to_a_host_leads_where_the_long_one_does() {
    let alphabet = [
        "a", "z", "0", "9", "x", "-", "_", ".", "A", ":", "\u{e9}", "%",
    ];
    let mut hosts = vec![String::new()];
    let mut last = 0..1;
    for _ in 0..4 {
        let end = hosts.len();
        for at in last {
            let more: Vec<_> = alphabet.map(|end| hosts[at].clone() + end).into();
            hosts.extend(more);
        }
        last = end..hosts.len();
    }
    let label = |len| "a".repeat(len);
    for len in [63, 64] {
        hosts.extend([
            label(len),
            format!("b.{}", label(len)),
            format!("{}.b", label(len)),
        ]);
    }
    for last in [61, 62] {
        hosts.push(format!("{0}.{0}.{0}.{1}", label(63), label(last)));
    }
    let mut usual = 0;
    for host in &hosts {
        if is_usual_name(host) {
            usual += 1;
            assert_eq!(judge_host(host), Ok(Host::Name(host.clone())), "{host}");
        }
    }
    assert!(
        (1_000..hosts.len() / 2).contains(&usual),
        "{usual} of {}",
        hosts.len()
    );
}
