package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"tallyman/internal/fault"
)

// Refused is the code of an address that the operator does not allow.
const Refused fault.Code = "address_refused"

// Policy says which addresses webhooks may have. The zero value allows none.
type Policy struct {
	hosts   []pattern
	private []netip.Prefix
}

// pattern is one entry of --webhook-allow.
type pattern struct {
	scheme string
	host   string // "*" for every host, "*.example.com" for every host below that domain
	port   string // "*" for every port
}

// NewPolicy returns a policy of the hosts to which webhooks may go, and of the networks that
// they may reach although these are not public. A host is HOST, *.DOMAIN or * for all, with
// :PORT or :* if it is another port than the scheme's own; http:// before it allows requests
// without TLS. NewPolicy fails with fault.BadRequest.
func NewPolicy(hosts, private []string) (*Policy, error) {
	p := &Policy{}
	for _, h := range hosts {
		one, err := parsePattern(h)
		if err != nil {
			return nil, err
		}
		p.hosts = append(p.hosts, one)
	}
	for _, n := range private {
		prefix, err := netip.ParsePrefix(n)
		if addr, aerr := netip.ParseAddr(n); err != nil && aerr == nil && addr.Zone() == "" {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil || prefix.Addr().Is4In6() {
			return nil, fault.New(fault.BadRequest, "%.80q is not a network; write it like 10.1.2.0/24 or fd00:1::/64", n)
		}
		p.private = append(p.private, prefix.Masked())
	}
	return p, nil
}

func parsePattern(s string) (pattern, error) {
	bad := fault.New(fault.BadRequest, "%.80q is not a host for webhooks; write it like hooks.example.com, *.example.com, example.com:8443 or http://example.com:8080", s)
	scheme, rest := "https", s
	if before, after, ok := strings.Cut(s, "://"); ok {
		scheme, rest = strings.ToLower(before), after
	}
	if scheme != "https" && scheme != "http" {
		return pattern{}, bad
	}
	host, port := rest, defaultPorts[scheme]
	if h, p, err := net.SplitHostPort(rest); err == nil {
		host, port = h, p
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if n, err := strconv.ParseUint(port, 10, 16); port != "*" && (err != nil || n == 0) {
		return pattern{}, bad
	}
	name := strings.TrimPrefix(host, "*.")
	if host != "*" && !validHost(name) {
		return pattern{}, bad
	}
	return pattern{scheme, canonical(host), port}, nil
}

var defaultPorts = map[string]string{"https": "443", "http": "80"}

// validHost reports whether a name can be that of a host: an IP address, or letters, digits,
// hyphens, underscores and dots. Names in other scripts are written in their ASCII form.
func validHost(name string) bool {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Zone() == ""
	}
	return name != "" && len(name) <= 253 && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	})
}

// canonical returns a host's name in the form in which names are compared.
func canonical(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// maxURL is the longest address of an endpoint, in bytes.
const maxURL = 2048

// Check returns an address in the form in which it is kept. It fails with fault.BadRequest
// if the address cannot be that of an endpoint, and with Refused if the operator does not
// allow it. Where its name leads is checked with each connection.
func (p *Policy) Check(address string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || !validHost(u.Hostname()) || strings.HasSuffix(u.Host, ":"):
		return "", fault.New(fault.BadRequest, "the address of a webhook cannot be understood; write it like https://hooks.example.com/tallyman")
	case len(address) > maxURL:
		return "", fault.New(fault.BadRequest, "the address of a webhook has more than %d bytes", maxURL)
	case u.User != nil:
		return "", fault.New(fault.BadRequest, "the address of a webhook has a name or a password before the host; leave it out, since the signature shows who sends the events")
	case u.Fragment != "":
		return "", fault.New(fault.BadRequest, "the address of a webhook has a fragment (#…), which is never sent; leave it out")
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if u.Scheme != "https" && u.Scheme != "http" {
		return "", fault.New(fault.BadRequest, "the address of a webhook begins with https://, not with %.20s", u.Scheme)
	}
	if !p.allows(u) {
		if u.Scheme == "http" {
			return "", fault.New(Refused, "the operator allows webhooks to %.80s over https:// at most, or not at all; ask for it (--webhook-allow)", u.Host)
		}
		return "", fault.New(Refused, "the operator does not allow webhooks to %.80s; ask for it (--webhook-allow)", u.Host)
	}
	return u.String(), nil
}

// allows reports whether a pattern matches an address.
func (p *Policy) allows(u *url.URL) bool {
	if p == nil {
		return false
	}
	host, port := canonical(u.Hostname()), u.Port()
	if port == "" {
		port = defaultPorts[u.Scheme]
	}
	for _, a := range p.hosts {
		domain, below := strings.CutPrefix(a.host, "*.")
		if a.scheme == u.Scheme && (a.port == "*" || a.port == port) &&
			(a.host == "*" || a.host == host || below && strings.HasSuffix(host, "."+domain)) {
			return true
		}
	}
	return false
}

// control refuses connections to addresses that are not allowed. net.Dialer calls it with
// the address to which it is about to connect, after all names were resolved.
func (p *Policy) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connecting to %q: %w", address, err)
	}
	if !p.reaches(to.Addr()) {
		// Owners do not learn the address: it may be that of a machine in the operator's
		// network. The cause is for the log.
		f := fault.New(Refused, "its name leads to an address that is not public; the operator can allow it (--webhook-private)")
		f.Err = errors.New(to.Addr().String() + " is not public")
		return f
	}
	return nil
}

// reaches reports whether webhooks may connect to an address.
func (p *Policy) reaches(a netip.Addr) bool {
	a = a.Unmap()
	if a.Zone() != "" {
		return false
	}
	if public(a) {
		return true
	}
	for _, n := range p.private {
		if n.Contains(a) {
			// The gateway would lead to an address that has to be allowed itself.
			return !nat64.Contains(a) || p.reaches(embedded(a))
		}
	}
	return false
}

// nat64 is the prefix by which hosts without IPv4 reach it.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// embedded returns the IPv4 address at the end of an address of nat64.
func embedded(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom4([4]byte(b[12:]))
}

// global6 has all public addresses of IPv6.
var global6 = netip.MustParsePrefix("2000::/3")

// special are the addresses that are not public although they are IPv4 or in global6, by
// IANA's registries of special-purpose addresses.
var special = prefixes(
	"0.0.0.0/8",         // this network
	"10.0.0.0/8",        // private
	"100.64.0.0/10",     // shared by a provider's customers
	"127.0.0.0/8",       // loopback
	"169.254.0.0/16",    // link-local, metadata of clouds
	"172.16.0.0/12",     // private
	"192.0.0.0/24",      // protocols
	"192.0.2.0/24",      // documentation
	"192.88.99.0/24",    // relays of 6to4
	"192.168.0.0/16",    // private
	"198.18.0.0/15",     // benchmarks
	"198.51.100.0/24",   // documentation
	"203.0.113.0/24",    // documentation
	"224.0.0.0/4",       // multicast
	"240.0.0.0/4",       // reserved, broadcast
	"168.63.129.16/32",  // the host of a machine in Azure
	"2001::/23",         // protocols, Teredo among them
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4, which leads to an IPv4 address
	"3fff::/20",         // documentation
	"2620:4f:8000::/48", // AS112
	"192.175.48.0/24",   // AS112
	"192.31.196.0/24",   // AS112
	"192.52.193.0/24",   // tunnels of multicast
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// public reports whether an address is one of the public Internet.
func public(a netip.Addr) bool {
	if a.Is6() && !global6.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}
