// Selfheal
// SPDX-License-Identifier: Apache-2.0

// What probes of TLS, Prometheus, DNS and JMX ask. Their texts have one of three shapes: as the runbook writes them, as the plan has
// them, and resolved for one look. `mapTexts` leads from each to the next, and looks at every text even when one gives nothing.

/// A handshake, and what the certificate says.
package struct TLSQuestion<Text: Sendable>: Sendable {
    /// `host:port`; nothing when `port` says it for each target.
    package var address: Text?
    package var port: String?
    /// Whose certificate it must be, where that is not the host.
    package var name: Text?

    package init(address: Text?, port: String?, name: Text?) {
        self.address = address
        self.port = port
        self.name = name
    }

    /// Nothing when one of the texts gives nothing.
    package func mapTexts<New>(_ transform: (Text) -> New?) -> TLSQuestion<New>? {
        let (address, name) = (self.address.mapped(transform), self.name.mapped(transform))
        guard let address, let name else {
            return nil
        }
        return TLSQuestion<New>(address: address, port: self.port, name: name)
    }

    package var texts: [Text] { [self.address, self.name].compactMap { $0 } }
}

/// An instant query.
package struct PrometheusQuestion<Text: Sendable>: Sendable {
    /// Of the server, without `/api/v1`.
    package var url: Text
    package var query: Text

    package init(url: Text, query: Text) {
        self.url = url
        self.query = query
    }

    /// Nothing when one of the texts gives nothing.
    package func mapTexts<New>(_ transform: (Text) -> New?) -> PrometheusQuestion<New>? {
        let (url, query) = (transform(self.url), transform(self.query))
        guard let url, let query else {
            return nil
        }
        return PrometheusQuestion<New>(url: url, query: query)
    }

    package var texts: [Text] { [self.url, self.query] }
}

/// The addresses of a name.
package struct DNSQuestion<Text: Sendable>: Sendable {
    package var name: Text
    package var type: DNSAddressType
    /// An address, with or without a port; nothing when the system's servers are asked.
    package var server: Text?

    package init(name: Text, type: DNSAddressType, server: Text?) {
        self.name = name
        self.type = type
        self.server = server
    }

    /// Nothing when one of the texts gives nothing.
    package func mapTexts<New>(_ transform: (Text) -> New?) -> DNSQuestion<New>? {
        let (name, server) = (transform(self.name), self.server.mapped(transform))
        guard let name, let server else {
            return nil
        }
        return DNSQuestion<New>(name: name, type: self.type, server: server)
    }

    package var texts: [Text] { [self.name] + [self.server].compactMap { $0 } }
}

package enum DNSAddressType: String, Hashable, Sendable, Codable, CaseIterable {
    case four = "A"
    case six = "AAAA"
}

/// An attribute of an MBean, through Jolokia.
package struct JMXQuestion<Text: Sendable>: Sendable {
    /// Of the agent; nothing when `port` says it for each target.
    package var url: Text?
    package var port: String?
    package var mbean: Text
    package var attribute: Text
    /// Into a composite value: `used`, or `HeapMemoryUsage/used`.
    package var path: Text?

    package init(url: Text?, port: String?, mbean: Text, attribute: Text, path: Text?) {
        self.url = url
        self.port = port
        self.mbean = mbean
        self.attribute = attribute
        self.path = path
    }

    /// Nothing when one of the texts gives nothing.
    package func mapTexts<New>(_ transform: (Text) -> New?) -> JMXQuestion<New>? {
        let (url, path) = (self.url.mapped(transform), self.path.mapped(transform))
        let (mbean, attribute) = (transform(self.mbean), transform(self.attribute))
        guard let url, let path, let mbean, let attribute else {
            return nil
        }
        return JMXQuestion<New>(url: url, port: self.port, mbean: mbean, attribute: attribute, path: path)
    }

    package var texts: [Text] {
        [self.url].compactMap { $0 } + [self.mbean, self.attribute] + [self.path].compactMap { $0 }
    }
}

extension TLSQuestion: Equatable where Text: Equatable {}
extension TLSQuestion: Hashable where Text: Hashable {}
extension TLSQuestion: Codable where Text: Codable {}
extension PrometheusQuestion: Equatable where Text: Equatable {}
extension PrometheusQuestion: Hashable where Text: Hashable {}
extension PrometheusQuestion: Codable where Text: Codable {}
extension DNSQuestion: Equatable where Text: Equatable {}
extension DNSQuestion: Hashable where Text: Hashable {}
extension DNSQuestion: Codable where Text: Codable {}
extension JMXQuestion: Equatable where Text: Equatable {}
extension JMXQuestion: Hashable where Text: Hashable {}
extension JMXQuestion: Codable where Text: Codable {}

// As a scenario's answer and a record of what was done name them.
extension TLSQuestion<String> {
    package var place: String { self.address ?? self.port ?? "" }
}

extension JMXQuestion<String> {
    /// `java.lang:type=Memory HeapMemoryUsage/used`.
    package var place: String { "\(self.mbean) \(self.attribute)\(self.path.map { "/\($0)" } ?? "")" }
}

extension Optional {
    /// What is absent stays absent; nothing at all when what is there gives nothing.
    fileprivate func mapped<New>(_ transform: (Wrapped) -> New?) -> New?? {
        guard let value = self else {
            return .some(nil)
        }
        return transform(value).map { .some($0) }
    }
}
