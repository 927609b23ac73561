//! Where a `Location` leads, seen from the URL that was asked (RFC 9110 §10.2.2, RFC 3986 §5).

use super::percent;
use super::target::Target;

/// The target that a reference in a response from `base` means; `http` and `https` stand for `ws` and
/// `wss`. A fragment means nothing to a server, and the user name and password that a server writes
/// into its answer are not used.
///
/// # Errors
///
/// Says what is wrong, without quoting what may be a secret.
pub(super) fn resolve(base: &Target, reference: &str) -> Result<Target, String> {
    let reference = reference.trim_matches([' ', '\t']);
    let reference = reference.split('#').next().unwrap_or_default();
    if reference
        .chars()
        .any(|c| c.is_whitespace() || c.is_control())
    {
        return Err("it contains white space or a control character".to_owned());
    }
    let scheme = if base.secure { "wss" } else { "ws" };
    if let Some(behind) = reference.strip_prefix("//") {
        return absolute(&format!("{scheme}://{behind}"));
    }
    let end = reference.find(['/', '?']).unwrap_or(reference.len());
    if let Some((scheme, behind)) = reference[..end].split_once(':') {
        let behind = format!("{behind}{}", &reference[end..]);
        return match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => absolute(&format!("ws:{behind}")),
            "wss" | "https" => absolute(&format!("wss:{behind}")),
            _ => Err("its scheme is none of ws, wss, http and https".to_owned()),
        };
    }
    Ok(Target {
        resource: percent::encode_resource(&merge(&base.resource, reference))?,
        authorization: None,
        ..base.clone()
    })
}

fn absolute(url: &str) -> Result<Target, String> {
    match Target::parse(url) {
        Ok(target) => Ok(Target {
            authorization: None,
            ..target
        }),
        Err(error) => Err(error.to_string()),
    }
}

/// Path and query of a reference that has neither scheme nor host (RFC 3986 §5.2.2 and §5.2.3).
fn merge(base: &str, reference: &str) -> String {
    let base_path = base.split('?').next().unwrap_or_default();
    let (path, query) = match reference.find('?') {
        Some(at) => reference.split_at(at),
        None => (reference, ""),
    };
    if reference.is_empty() {
        return base.to_owned();
    }
    let path = if path.is_empty() {
        base_path.to_owned()
    } else if path.starts_with('/') {
        without_dots(path)
    } else {
        let folder = base_path.rfind('/').map_or("/", |at| &base_path[..=at]);
        without_dots(&format!("{folder}{path}"))
    };
    path + query
}

/// Resolves `.` and `..` (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::parse(url).unwrap()
    }

    #[test]
    fn references_lead_where_rfc_3986_says() {
        // Its examples (§5.4), as far as they lead anywhere here.
        let base = target("ws://a/b/c/d;p?q");
        for (reference, resource) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            ("g?y#s", "/b/c/g?y"),
            (";x", "/b/c/;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            ("..g", "/b/c/..g"),
            ("./g/.", "/b/c/g/"),
            ("g/../h", "/b/c/h"),
            ("g;x=1/../y", "/b/c/y"),
            ("g?y/../x", "/b/c/g?y/../x"),
            (" \tg ", "/b/c/g"),
            ("caf\u{e9}", "/b/c/caf%C3%A9"),
            ("/\\evil.example", "/%5Cevil.example"),
        ] {
            let found = resolve(&base, reference).unwrap();
            assert_eq!(found.resource, resource, "{reference:?}");
            assert_eq!(found.host, base.host, "{reference:?}");
        }
    }

    #[test]
    fn other_hosts_and_schemes_are_found() {
        for (base, reference, found) in [
            ("ws://a/b", "//c/d", "ws://c:80/d"),
            ("wss://a/b", "//c:1/d", "wss://c:1/d"),
            ("ws://a/b", "https://c", "wss://c:443/"),
            ("ws://a/b", "HTTP://c:8080/x", "ws://c:8080/x"),
            ("ws://a/b", "wss://u:s3cret@c/x#y", "wss://c:443/x"),
            ("ws://a/b", "c:80/x", ""),
            ("ws://a/b", "file:///etc/passwd", ""),
            ("ws://a/b", "ws+unix:///run/x.sock:/", ""),
            ("ws://a/b", "javascript:s3cret", ""),
            ("ws://a/b", "ws:c/d", ""),
            ("ws://a/b", "//c:99999/", ""),
            ("ws://a/b", "//", ""),
            ("ws://a/b", "x y", ""),
            ("ws://a/b", "/x\r\ny", ""),
            ("ws://a/b", "/s3cret%", ""),
        ] {
            match resolve(&target(base), reference) {
                Ok(target) => {
                    assert_eq!(target.to_string(), found, "{reference}");
                    assert!(target.authorization.is_none());
                }
                Err(why) => {
                    assert_eq!(found, "", "{reference}: {why}");
                    assert!(!why.contains("s3cret"), "{why}");
                }
            }
        }
    }
}
