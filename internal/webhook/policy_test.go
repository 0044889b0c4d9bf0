package webhook

import (
	"net/netip"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

func TestOnlyAddressesThatTheOperatorAllowsAreTaken(t *testing.T) {
	p, err := NewPolicy([]string{"hooks.example.com", "*.Example.org", "ports.example.com:8443", "any.example.com:*", "http://plain.example.com:8080", "[2606:4700::1]", "192.0.43.7"}, nil)
	must.OK(t, err)
	const bad, no = fault.BadRequest, Refused
	for _, c := range []struct {
		url  string
		want fault.Code
	}{
		{"https://hooks.example.com/path?query=1", ""},
		{" https://HOOKS.example.com./ ", ""},
		{"https://hooks.example.com:443/", ""},
		{"https://a.example.org", ""},
		{"https://a.b.example.org/x", ""},
		{"https://ports.example.com:8443", ""},
		{"https://any.example.com:1", ""},
		{"http://plain.example.com:8080/x", ""},
		{"https://[2606:4700:0:0::1]/", ""},
		{"https://192.0.43.7/", ""},
		{"https://[::ffff:192.0.43.7]/", ""},
		{"http://hooks.example.com/", no},
		{"https://hooks.example.com:8443/", no},
		{"https://ports.example.com/", no},
		{"https://plain.example.com:8080/", no},
		{"https://example.org/", no},
		{"https://badexample.org/", no},
		{"https://hooks.example.com.evil.net/", no},
		{"https://other.example.com/", no},
		{"https://192.0.43.8/", no},
		{"", bad},
		{"hooks.example.com", bad},
		{"https:hooks.example.com", bad},
		{"https:///x", bad},
		{"//hooks.example.com/", bad},
		{"ftp://hooks.example.com/", bad},
		{"file:///etc/passwd", bad},
		{"gopher://hooks.example.com/", bad},
		{"https://user:secret@hooks.example.com/", bad},
		{"https://hooks.example.com@evil.net/", bad},
		{"https://hooks.example.com/#part", bad},
		{"https://hooks.example.com:99999999/", no},
		{"https://hooks.example.com:/", bad},
		{"https://hooks.example.com:port/", bad},
		{"https://hooks.exämple.com/", bad},
		{"https://[fe80::1%25eth0]/", bad},
		{"https://hooks.example.com\r\nX-Evil: 1/", bad},
		{"https://hooks%2eexample.com/", bad},
	} {
		if got, err := p.Check(c.url); fault.CodeOf(err) != c.want {
			t.Errorf("%q: got %q, %v, want %q", c.url, got, err, c.want)
		}
	}
	all, err := NewPolicy([]string{"*"}, nil)
	must.OK(t, err)
	for url, want := range map[string]fault.Code{"https://anything.example.net/": "", "https://10.0.0.1/": "", "http://anything.example.net/": no, "https://anything.example.net:22/": no} {
		if _, err := all.Check(url); fault.CodeOf(err) != want {
			t.Errorf("*: %q: got %v, want %q", url, err, want)
		}
	}
	var none *Policy
	if _, err := none.Check("https://hooks.example.com/"); fault.CodeOf(err) != no {
		t.Errorf("without --webhook-allow: got %v", err)
	}
}

func TestThePolicyIsWrittenRight(t *testing.T) {
	for _, h := range []string{"", "https://", "ftp://example.com", "example.com/path", "exam ple.com", "*.", "a.*.com", "*example.com", "example.com:0", "example.com:70000", "user@example.com"} {
		if _, err := NewPolicy([]string{h}, nil); fault.CodeOf(err) != fault.BadRequest {
			t.Errorf("host %q: got %v", h, err)
		}
	}
	for _, n := range []string{"", "example.com", "10.0.0.0/33", "10.0.0", "fe80::1%eth0", "::ffff:10.0.0.0/104"} {
		if _, err := NewPolicy(nil, []string{n}); fault.CodeOf(err) != fault.BadRequest {
			t.Errorf("network %q: got %v", n, err)
		}
	}
}

func TestPrivateAddressesAreNotReachedUnlessAllowed(t *testing.T) {
	p, err := NewPolicy([]string{"*"}, []string{"10.1.0.0/16", "fd00:1::/64", "127.0.0.1", "64:ff9b::/96"})
	must.OK(t, err)
	strict := &Policy{}
	for _, c := range []struct {
		addr            string
		public, allowed bool
	}{
		{"1.1.1.1", true, true},
		{"192.0.43.7", true, true},
		{"2606:4700::1111", true, true},
		{"::ffff:1.1.1.1", true, true},
		{"10.1.2.3", false, true},
		{"::ffff:10.1.2.3", false, true},
		{"fd00:1::5", false, true},
		{"127.0.0.1", false, true},
		{"64:ff9b::1.1.1.1", false, true},
		{"64:ff9b::10.1.2.3", false, true},
		{"64:ff9b::10.2.0.1", false, false},
		{"64:ff9b::169.254.169.254", false, false},
		{"64:ff9b:1::1", false, false},
		{"10.2.0.1", false, false},
		{"127.0.0.2", false, false},
		{"0.0.0.0", false, false},
		{"100.64.0.1", false, false},
		{"169.254.169.254", false, false},
		{"172.16.0.1", false, false},
		{"172.31.255.255", false, false},
		{"192.168.1.1", false, false},
		{"192.0.0.8", false, false},
		{"198.18.0.1", false, false},
		{"203.0.113.5", false, false},
		{"224.0.0.1", false, false},
		{"240.0.0.1", false, false},
		{"255.255.255.255", false, false},
		{"168.63.129.16", false, false},
		{"::", false, false},
		{"::1", false, false},
		{"::127.0.0.1", false, false},
		{"::ffff:127.0.0.2", false, false},
		{"::ffff:0:127.0.0.1", false, false},
		{"fe80::1", false, false},
		{"fec0::1", false, false},
		{"fd00:2::5", false, false},
		{"ff02::1", false, false},
		{"100::1", false, false},
		{"2001:0:102:304::1", false, false},
		{"2001:db8::1", false, false},
		{"2002:7f00:1::", false, false},
		{"2002:a01:203::", false, false},
		{"3fff::1", false, false},
		{"5f00::1", false, false},
		{"fe80::1%eth0", false, false},
	} {
		a := netip.MustParseAddr(c.addr)
		if strict.reaches(a) != c.public || p.reaches(a) != c.allowed {
			t.Errorf("%s: public %v, allowed %v; want %v, %v", a, strict.reaches(a), p.reaches(a), c.public, c.allowed)
		}
	}
}
