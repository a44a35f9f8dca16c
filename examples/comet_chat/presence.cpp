#include "presence.hpp"

namespace chat {

Presence::Presence(bight::ReactorTime& clock, bight::Function<void()> changed)
    : clock_(clock), changed_(std::move(changed)) {}

Presence::~Presence() {
  for (auto& [name, person] : names_) {
    if (person.leaving.active()) person.leaving.cancel();
  }
  if (announcement_.active()) announcement_.cancel();
}

Presence::Seat Presence::sit(const std::string& name) {
  if (name.empty()) return {};
  auto who = names_.find(name);
  if (who == names_.end()) {
    if (names_.size() >= keptLimit) return {};
    who = names_.emplace(name, Person{}).first;
    announceSoon();
  }
  Person& person = who->second;
  if (person.leaving.active()) person.leaving.cancel();
  ++person.seats;
  return {*this, who};
}

void Presence::leave(Names::iterator who) {
  if (--who->second.seats > 0) return;
  who->second.leaving = clock_.callLater(grace, [this, who] {
    names_.erase(who);
    announceSoon();
  });
}

void Presence::announceSoon() {
  if (!announcement_.active()) announcement_ = clock_.callLater(announcePause, [this] { announce(); });
}

void Presence::announce() {
  People people{.version = list_->version + 1, .count = names_.size(), .names = {}};
  for (auto who = names_.begin(); who != names_.end() && people.names.size() < shownLimit; ++who) {
    people.names.push_back(who->first);
  }
  list_ = std::make_shared<const People>(std::move(people));
  changed_();
}

}  // namespace chat
