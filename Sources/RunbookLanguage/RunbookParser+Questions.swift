// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookSource
import RunbookYAML

/// What probes of TLS, Prometheus, DNS and JMX ask.
///
/// Every key is read, also when one that is required is missing, so that all mistakes are said at once.
extension RunbookParser {
    static func tls(_ body: inout MappingReader, at span: SourceSpan) -> ProbeKindSyntax? {
        let question = TLSQuestion(
            address: body.template("address"),
            port: body.text("port")?.value,
            name: body.template("name")
        )
        return .tls(question, span: span)
    }

    static func prometheus(_ body: inout MappingReader) -> ProbeKindSyntax? {
        let url = body.requiredTemplate("url", because: "the server's address, such as http://prometheus:9090")
        let query = body.requiredTemplate("query", because: "an expression in PromQL")
        guard let url, let query else {
            return nil
        }
        return .prometheus(PrometheusQuestion(url: url, query: query))
    }

    static func dns(_ body: inout MappingReader) -> ProbeKindSyntax? {
        let name = body.requiredTemplate("name", because: "the name whose addresses are asked for")
        let type: Spanned<DNSAddressType>? = body.word("type")
        let server = body.template("server")
        return name.map { .dns(DNSQuestion(name: $0, type: type?.value ?? .four, server: server)) }
    }

    static func jmx(_ body: inout MappingReader, at span: SourceSpan) -> ProbeKindSyntax? {
        let url = body.template("url")
        let port = body.text("port")?.value
        let mbean = body.requiredTemplate("mbean", because: "the object's name, such as java.lang:type=Memory")
        let attribute = body.requiredTemplate("attribute", because: "what is read of it, such as HeapMemoryUsage")
        let path = body.template("path")
        guard let mbean, let attribute else {
            return nil
        }
        return .jmx(JMXQuestion(url: url, port: port, mbean: mbean, attribute: attribute, path: path), span: span)
    }
}

extension MappingReader {
    fileprivate mutating func requiredTemplate(_ key: String, because help: String) -> TemplateSyntax? {
        self.require(key, because: help).flatMap { self.template($0, key) }
    }
}
