// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

extension Examination {
    package func json(version: String) -> JSON {
        .object([
            JSONMember("selfheal", .string(version)),
            JSONMember("defects_as_of", .string(KnownDefect.asOf)),
            JSONMember("problems", .int(Int64(self.problems.count))),
            JSONMember("findings", .array(self.findings.map(\.json))),
            JSONMember("libraries", .array(self.libraries.map(\.json))),
            JSONMember("hosts", .array(self.hosts.map(\.json))),
            JSONMember("store", self.store?.json ?? .null),
            JSONMember("channels", .array(self.channels.map(\.json))),
        ])
    }
}

extension Finding {
    fileprivate var json: JSON {
        .object([
            JSONMember("subject", .string(self.subject)), JSONMember("grade", .string(self.grade.rawValue)),
            JSONMember("says", .string(self.says)), JSONMember("cure", self.cure.map { .string($0) } ?? .null),
        ])
    }
}

extension LibraryFinding {
    fileprivate var json: JSON {
        let origin: [JSONMember]
        switch self.facts.package {
        case .debian(let name, let revision):
            origin = [JSONMember("package", .string(name)), JSONMember("revision", .string(revision.text))]
        case .none(let file): origin = [JSONMember("package", .null), JSONMember("file", .string(file))]
        case .unknown(let reason):
            origin = [JSONMember("package", .null), JSONMember("package_unknown_because", .string(reason))]
        }
        let defects = self.defects.map { item in
            JSON.object([
                JSONMember("id", .string(item.defect.id)), JSONMember("state", .string(item.state.rawValue)),
                JSONMember("what", .string(item.defect.what)),
                JSONMember("does_not_reach_us_because", item.defect.noHarm.map { .string($0) } ?? .null),
            ])
        }
        return .object(
            [
                JSONMember("library", .string(self.facts.library.rawValue)),
                JSONMember("version", self.facts.version.map { .string($0) } ?? .null),
                JSONMember("with", self.facts.with.map { .string($0) } ?? .null),
            ] + origin + [
                JSONMember("grade", .string(self.finding.grade.rawValue)), JSONMember("defects", .array(defects)),
            ]
        )
    }
}

extension HostFinding {
    fileprivate var json: JSON {
        let checks = HostCheck.allCases.map { check -> JSONMember in
            let mark = self.marks[check].map { mark in
                JSON.object([JSONMember("grade", .string(mark.grade.rawValue)), JSONMember("word", .string(mark.word))])
            }
            return JSONMember(check.rawValue, mark ?? .null)
        }
        return .object([
            JSONMember("node", .string(self.node)), JSONMember("grade", .string(self.grade.rawValue)),
            JSONMember("took_ms", self.took.map { .int($0.count) } ?? .null), JSONMember("checks", .object(checks)),
            JSONMember("findings", .array(self.findings.map(\.json))),
        ])
    }
}

extension StoreFinding {
    fileprivate var json: JSON {
        var members = [JSONMember("folder", .string(self.facts.folder))]
        if case .there(let schema, let runs, let unfinished, let inDoubt) = self.facts.state {
            members += [
                JSONMember("schema", .int(Int64(schema))), JSONMember("runs", .int(Int64(runs))),
                JSONMember("unfinished", .int(Int64(unfinished))),
                JSONMember("in_doubt", .int(Int64(inDoubt))),
            ]
        }
        return .object(
            members + [
                JSONMember("engine_pid", self.facts.engine.map { .int(Int64($0)) } ?? .null),
                JSONMember("free_bytes", self.facts.freeBytes.map { .int($0) } ?? .null),
                JSONMember("findings", .array(self.findings.map(\.json))),
            ]
        )
    }
}

extension ChannelFacts {
    fileprivate var json: JSON {
        .object([
            JSONMember("channel", .string(self.name)), JSONMember("kind", .string(self.kind)),
            JSONMember("missing_variables", .array(self.missing.map { .string($0) })),
        ])
    }
}
