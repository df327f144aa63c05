// Words: what the page says, in Chinese and English; which of them is kept by the browser.

const WORDS = {
  skip: ["跳到内容", "Skip to content"],
  language: ["语言", "Language"],
  queue: ["排队", "Queue"],
  alerts: ["告警", "Alerts"],
  advice: ["建议", "Advice"],
  counters: ["窗口", "Counters"],
  people: ["客流", "People"],
  doors: ["出入口", "Doors"],
  climate: ["环境与空调", "Climate, and why"],
  devices: ["设备", "Devices"],
  line: ["总行线路", "Line to head office"],
  box: ["本机", "This box"],
  unknown: ["未知", "unknown"],
  none_alerts: ["没有告警", "No alerts"],
  none_advice: ["暂无建议", "No advice just now"],
  none_problems: ["没有问题", "No problems"],
  none_line: ["未配置总行", "No head office is configured"],
  under_a_minute: ["不到 1 分钟", "under 1 min"],
  minutes: ["{0} 分钟", "{0} min"],
  hours: ["{0} 小时 {1} 分", "{0} h {1} min"],
  waiting: ["等候人数", "Waiting"],
  longest: ["最长等候", "Longest wait"],
  inside: ["在店人数", "People inside"],
  open_counters: ["开放窗口", "Counters open"],
  serve_it: ["开放窗口", "Counters"],
  forecast: ["现在取号预计", "If you come now"],
  target: ["目标 {0}", "target {0}"],
  served: ["已办理", "Served"],
  abandoned: ["已离开", "Gave up"],
  next: ["接下来", "Next"],
  nobody: ["无人等候", "nobody waits"],
  issue: ["取号", "Issue a ticket"],
  issued: ["已取号 {0}", "Ticket {0} issued"],
  counter: ["{0} 号窗口", "Counter {0}"],
  since: ["自 {0}", "since {0}"],
  until: ["至 {0}", "until {0}"],
  of: ["共 {0} 个", "of {0}"],
  call_next: ["叫号", "Next"],
  pause_counter: ["暂停", "Pause"],
  open_counter: ["开放", "Open"],
  close_counter: ["关闭", "Close"],
  nobody_called: ["没有人在等候", "Nobody waits"],
  inferred: ["推断", "inferred"],
  crossed: ["今日进 {0} · 出 {1}", "today {0} in, {1} out"],
  in_today: ["今日进入", "In today"],
  out_today: ["今日离开", "Out today"],
  temperature_c: ["温度", "Temperature"],
  co2_ppm: ["二氧化碳", "CO₂"],
  relative_humidity_pct: ["湿度", "Humidity"],
  mode: ["模式", "Mode"],
  setpoint_c: ["设定温度", "Setpoint"],
  fan_pct: ["风速", "Fan"],
  fresh_air_pct: ["新风", "Fresh air"],
  light_pct: ["照明", "Light"],
  blind_pct: ["遮阳", "Blinds"],
  volume_pct: ["音量", "Volume"],
  playlist: ["播放", "Music"],
  relay: ["开关", "Relay"],
  off: ["关闭", "off"],
  cool: ["制冷", "cool"],
  heat: ["制热", "heat"],
  fan: ["送风", "fan"],
  dry: ["除湿", "dry"],
  auto: ["自动", "auto"],
  yes: ["开", "on"],
  no: ["关", "off"],
  by_hand: ["人工设定，至 {0}", "set by hand, until {0}"],
  no_plant: ["此区域没有可控设备", "Nothing here can be controlled"],
  release: ["恢复自动", "Automatic"],
  warmer: ["调高 0.5 °C", "0.5 °C warmer"],
  cooler: ["调低 0.5 °C", "0.5 °C cooler"],
  not_confirmed: ["设备未确认", "not confirmed"],
  refused: ["设备拒绝", "refused"],
  failed: ["发送失败", "failed"],
  expired: ["已过期", "expired"],
  acknowledge: ["确认", "Acknowledge"],
  acknowledged: ["已确认（{0}）", "acknowledged ({0})"],
  page: ["页面", "page"],
  request: ["请求", "request"],
  minor: ["一般", "minor"],
  major: ["重要", "major"],
  critical: ["紧急", "critical"],
  closed: ["关闭", "closed"],
  open: ["空闲", "free"],
  serving: ["办理中", "serving"],
  paused: ["暂停", "paused"],
  online: ["在线", "online"],
  stale: ["数据陈旧", "stale"],
  faulty: ["故障", "faulty"],
  offline: ["离线", "offline"],
  all_online: ["{0} 台，全部在线", "{0}, all online"],
  some_online: ["{0} 台，{1} 台异常", "{0}, {1} not well"],
  last_seen: ["最近 {0}", "seen {0}"],
  never: ["尚未收到", "not heard yet"],
  not_heard: ["尚未收到此设备的消息", "Nothing was heard from it yet"],
  state: ["状态", "State"],
  connected: ["已连接", "connected"],
  silent: ["总行无应答", "head office does not answer"],
  disconnected: ["已断开", "disconnected"],
  backlog: ["待传事件", "Waiting to be sent"],
  oldest: ["最早一条已等", "Oldest of them"],
  acknowledged_to: ["总行已确认", "Acknowledged"],
  alarm: ["告警 {0}", "alarm {0}"],
  business: ["业务 {0}", "business {0}"],
  bulk: ["批量 {0}", "bulk {0}"],
  version: ["版本", "Version"],
  running_since: ["运行自", "Running since"],
  problems: ["问题", "Problems"],
  opening: ["连接中", "connecting"],
  live: ["实时", "live"],
  lost: ["已断线", "lost"],
  lost_since: ["与本机的连接已中断：以下为 {0} 的数据，正在重新连接…", "The box cannot be reached: this is how it was at {0}. Trying again…"],
  lost_first: ["无法连接本机，正在重试…", "The box cannot be reached. Trying again…"],
  refused_by: ["未执行：{0}", "Not done: {0}"],
  ticket_machine: ["取号机", "ticket machine"],
  counter_bus: ["叫号与评价总线", "counter bus"],
  window_display: ["窗口屏", "window display"],
  beam_counter: ["红外计数器", "beam counter"],
  queue_sensor: ["排队传感器", "queue sensor"],
  modbus: ["Modbus 设备", "Modbus device"],
  mqtt_sensor: ["MQTT 传感器", "MQTT sensor"],
  mqtt_actuator: ["MQTT 执行器", "MQTT actuator"],
  people_counter: ["客流计数器", "people counter"],
  terminal: ["自助终端", "terminal"],
  music: ["背景音乐", "music"],
  camera: ["摄像机", "camera"],
};

const LANGUAGES = ["zh-CN", "en"];
const KEPT = "smartbranch-language";
let chosen = "zh-CN";

export const language = () => chosen;

/** The words of a key with figures in their places; a key without words is shown as it is. */
export function word(key, ...figures) {
  const words = Object.hasOwn(WORDS, key) ? WORDS[key][LANGUAGES.indexOf(chosen)] : String(key);
  return words.replace(/\{(\d)\}/g, (_, place) => figures[place]);
}

/** Speak a language from now on, and the next time too. */
export function speak(wanted) {
  chosen = LANGUAGES.includes(wanted) ? wanted : "en";
  document.documentElement.lang = chosen;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", word(node.dataset.label));
  for (const node of document.querySelectorAll("[data-language]")) node.setAttribute("aria-pressed", String(node.dataset.language === chosen));
}

export function keep(wanted) {
  try {
    localStorage.setItem(KEPT, wanted);
  } catch {} // a browser that keeps nothing: the branch's language the next time
}

export function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}
