//! Which proxy the environment names for a target.

use std::ffi::OsString;

use super::bypass;
use super::server::Server;
use crate::connect::Target;
use crate::error::Error;

/// The proxy that the variables name, or none. `variable` looks one up.
///
/// # Errors
///
/// If a variable that counts cannot be used: going straight instead could be what it was to prevent.
pub(super) fn proxy_for(
    target: &Target,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Server>, Error> {
    // A server's CGI turns the field `Proxy` of whoever asks it into this variable (RFC 3875 §4.1.18).
    // On Windows the names of variables have no case.
    let may_be_forged = |name: &str| name == "HTTP_PROXY" || cfg!(windows) && name == "http_proxy";
    let is_forged = |name: &str| may_be_forged(name) && variable("REQUEST_METHOD").is_some();
    let names = if target.secure { FOR_WSS } else { FOR_WS };
    let mut names = names.iter().filter(|name| !is_forged(name));
    let found = names.find_map(|name| Some((name, variable(name)?)));
    let Some((name, value)) = found.filter(|(_, value)| !value.is_empty()) else {
        return Ok(None);
    };
    let exceptions = EXCEPTIONS.iter().find_map(|name| variable(name));
    if exceptions
        .is_some_and(|list| bypass::excepts(&list.to_string_lossy(), &target.host, target.port))
    {
        return Ok(None);
    }
    let server = match value.to_str() {
        Some(url) => Server::read(url),
        None => Err("it is not UTF-8"),
    };
    match server {
        Ok(server) => Ok(Some(Server {
            variable: Some(name),
            ..server
        })),
        Err(why) => Err(Error::config(format!(
            "the environment variable {name} cannot be used: {why}"
        ))),
    }
}

/// The first of these that is set counts, though it be empty.
const FOR_WSS: &[&str] = &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const FOR_WS: &[&str] = &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
const EXCEPTIONS: &[&str] = &["no_proxy", "NO_PROXY"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    /// What is chosen for a URL when these variables are set: `NAME=value NAME=value`.
    fn chosen(url: &str, variables: &str) -> Result<Option<Server>, Error> {
        let target = Target::parse(url).unwrap();
        proxy_for(&target, |wanted| {
            let mut variables = variables.split_whitespace();
            let value = variables.find_map(|text| text.strip_prefix(wanted)?.strip_prefix('='));
            value.map(OsString::from)
        })
    }

    #[test]
    fn the_scheme_decides_which_variables_count_and_the_first_that_is_set_wins() {
        for (url, variables, expected) in [
            ("ws://a", "", ""),
            ("ws://a", "HTTP_PROXY=p:1", "http://p:1"),
            (
                "ws://a",
                "http_proxy=p:1 HTTP_PROXY=p:2 all_proxy=p:3",
                "http://p:1",
            ),
            ("ws://a", "HTTPS_PROXY=p:1 https_proxy=p:1", ""),
            (
                "ws://a",
                "HTTP_PROXY=p:1 ALL_PROXY=p:2 all_proxy=p:2",
                "http://p:1",
            ),
            ("ws://a", "ALL_PROXY=socks5h://p:2", "socks5h://p:2"),
            ("ws://a", "all_proxy=p:1 ALL_PROXY=p:2", "http://p:1"),
            ("wss://a", "HTTPS_PROXY=p:1 HTTP_PROXY=p:2", "http://p:1"),
            ("wss://a", "https_proxy=p:1 HTTPS_PROXY=p:2", "http://p:1"),
            ("wss://a", "HTTP_PROXY=p:1 http_proxy=p:1", ""),
            ("wss://a", "all_proxy=https://p", "https://p:443"),
            // An empty one means none.
            ("ws://a", "HTTP_PROXY=", ""),
            ("ws://a", "http_proxy= HTTP_PROXY=p:1", ""),
            ("ws://a", "HTTP_PROXY= ALL_PROXY=p:1", ""),
            ("wss://a", "ALL_PROXY=", ""),
            // Under CGI the upper-case one may be anybody's.
            ("ws://a", "HTTP_PROXY=p:1 REQUEST_METHOD=GET", ""),
            (
                "ws://a",
                "HTTP_PROXY=p:1 REQUEST_METHOD=GET ALL_PROXY=p:2",
                "http://p:2",
            ),
            ("ws://a", "http_proxy=p:1 REQUEST_METHOD=GET", "http://p:1"),
            (
                "wss://a",
                "HTTPS_PROXY=p:1 REQUEST_METHOD=GET",
                "http://p:1",
            ),
        ] {
            let found = chosen(url, variables).unwrap();
            let found = found.map_or(String::new(), |server| server.to_string());
            assert_eq!(found, expected, "{url} with {variables}");
        }
    }

    #[test]
    fn exceptions_go_straight() {
        for (url, variables, is_excepted) in [
            ("ws://a", "http_proxy=p NO_PROXY=a", true),
            ("ws://a", "http_proxy=p NO_PROXY=b", false),
            ("wss://a", "all_proxy=p no_proxy=a:443", true),
            ("wss://a", "all_proxy=p no_proxy=a:80", false),
            ("ws://a", "http_proxy=p no_proxy=b NO_PROXY=a", false),
            ("ws://a", "http_proxy=p no_proxy= NO_PROXY=a", false),
            (
                "ws://127.0.0.1:9",
                "http_proxy=p NO_PROXY=127.0.0.0/8",
                true,
            ),
            // What is not used cannot be wrong.
            ("ws://a", "http_proxy=ftp://p NO_PROXY=*", true),
        ] {
            let found = chosen(url, variables).unwrap();
            assert_eq!(found.is_none(), is_excepted, "{url} with {variables}");
        }
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_an_error_that_names_it_and_not_its_value() {
        for (url, variables, name, why) in [
            (
                "ws://a",
                "http_proxy=ftp://u:s3cret@p",
                "http_proxy",
                "its scheme",
            ),
            (
                "ws://a",
                "HTTP_PROXY=u:s3cret@p:port",
                "HTTP_PROXY",
                "not a number",
            ),
            (
                "wss://a",
                "ALL_PROXY=http://u:s3c#ret@p",
                "ALL_PROXY",
                "percent-encode",
            ),
        ] {
            let error = chosen(url, variables).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            let shown = error.to_string();
            assert!(shown.contains(name) && shown.contains(why), "{shown}");
            assert!(!shown.contains("s3c"), "{shown}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf8_is_an_error() {
        use std::os::unix::ffi::OsStringExt as _;

        let target = Target::parse("ws://a").unwrap();
        let error = proxy_for(&target, |_| Some(OsString::from_vec(b"p\xff:1".to_vec())));
        assert!(error.unwrap_err().to_string().contains("UTF-8"));
    }
}
