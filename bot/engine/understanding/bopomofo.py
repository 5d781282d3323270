"""注音 (bopomofo): from syllables to characters, and 注音文 (好ㄌㄇ) to words.

A syllable has many characters: the words that customers write tell which, else the most frequent one of that sound.
Tones follow their syllable, as they are typed; the first has no mark.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pypinyin import Style, lazy_pinyin

TONES = "ˊˇˋ˙"
NEUTRAL_NARROW = "·"  # what `plain_characters` makes of ˙
FEW = 3  # syllables: of so few all have to be usual ones, to be taken for speech; of more, this share
USUAL_SHARE = 0.8
_LONGEST_WORD = 4
_SYLLABLES = re.compile(f"(?:[ㄅ-ㄩ]+[{TONES}]?)+")
_SYLLABLE = re.compile(f"[ㄅ-ㄙ]?[ㄧㄨㄩ]?[ㄚ-ㄦ]?[{TONES}]?")


def spelled(syllables: Sequence[str]) -> str:
    """Return the likeliest characters of `syllables` (ㄋㄧˇ ㄏㄠˇ: 你好); nothing for a syllable that nobody says."""
    sounds = _sounds()
    best: list[tuple[int, str]] = [(0, "")]  # up to each syllable: long words count more than short ones
    for end in range(1, len(syllables) + 1):
        ways = [(best[end - 1][0], best[end - 1][1] + sounds.character(syllables[end - 1]))]
        for size in range(2, min(_LONGEST_WORD, end) + 1):
            word = sounds.words.get(tuple(syllables[end - size : end]))
            if word:
                score, before = best[end - size]
                ways.append((score + size * size, before + word))
        best.append(max(ways, key=lambda way: way[0]))
    return best[-1][1]


def are_spoken(syllables: Sequence[str]) -> bool:
    """Return whether somebody says `syllables`: all exist in some tone, and most, of a few all, occur in our examples."""
    sounds = _sounds()
    usual = sum(syllable in sounds.usual for syllable in syllables)
    every = all(syllable.rstrip(TONES) in sounds.toneless for syllable in syllables)
    return every and usual >= len(syllables) * (USUAL_SHARE if len(syllables) > FEW else 1)


def is_word(syllables: Sequence[str]) -> bool:
    """Return whether `syllables` are one of the words that customers write."""
    return tuple(syllables) in _sounds().words


def without_bopomofo(text: str) -> str:
    """Return `text` with characters for what is left in 注音: ㄋㄧˇㄏㄠˇ, and 注音文."""
    return _SYLLABLES.sub(_characters, text.replace(NEUTRAL_NARROW, "˙"))


def _characters(found: re.Match[str]) -> str:
    text = found.group()
    if text in _ABBREVIATED:
        return _ABBREVIATED[text]
    last = found.end() == len(found.string) or not "\u3400" <= found.string[found.end()] <= "\u9fff"
    written, syllables = "", []
    for syllable in _SYLLABLE.findall(text):
        if len(syllable) == 1 and syllable in _ALONE:
            written += spelled(syllables) + _ALONE[syllable][0 if last or written or syllables else -1]
            syllables = []
        elif syllable:
            syllables.append(syllable)
    return written + spelled(syllables)


@dataclass(frozen=True)
class _Sounds:
    usual: frozenset[str]  # that occur in our examples
    toned: dict[str, str]
    toneless: dict[str, str]
    words: dict[tuple[str, ...], str]

    def character(self, syllable: str) -> str:
        return self.toned.get(syllable) or self.toneless.get(syllable.rstrip(TONES), "")


@lru_cache(maxsize=1)
def _sounds() -> _Sounds:
    read = dict(zip(_CHARACTERS + _OTHERS, lazy_pinyin([*_CHARACTERS, *_OTHERS], style=Style.BOPOMOFO), strict=True))
    read.update(_TAIWAN)
    usual = frozenset([*_USUAL, *map(read.__getitem__, _CHARACTERS)])
    toned, toneless, words = {}, {}, {}
    for syllable, character in [*_USUAL.items(), *((read[c], c) for c in _CHARACTERS + _OTHERS)]:
        toned.setdefault(syllable, character)
    for syllable, character in [*((read[c], c) for c in _CHARACTERS), *toned.items()]:
        toneless.setdefault(syllable.rstrip(TONES), character)
    listed = _WORDS.split()
    syllables = iter(lazy_pinyin(listed, style=Style.BOPOMOFO))
    for word in listed:
        said = [next(syllables) for _ in word]
        words.setdefault(tuple(said), word)
        words.setdefault(tuple(_TAIWAN.get(c, s) for c, s in zip(word, said, strict=True)), word)
    return _Sounds(usual, toned, toneless, words)


# --- tables -----------------------------------------------------------------------------------------------------------

# 注音文: what a lone symbol is at the end of a clause or after another, and what before a character.
_ALONE = {
    "ㄅ": "吧不", "ㄆ": "怕", "ㄇ": "吗没", "ㄈ": "发", "ㄉ": "的", "ㄊ": "他", "ㄋ": "呢你", "ㄌ": "了", "ㄍ": "个", "ㄎ": "可", "ㄏ": "呵",
    "ㄐ": "就", "ㄑ": "去", "ㄒ": "想", "ㄓ": "知这", "ㄔ": "吃", "ㄕ": "是", "ㄖ": "日", "ㄗ": "自", "ㄘ": "次", "ㄙ": "死", "ㄧ": "一",
    "ㄚ": "啊", "ㄛ": "喔", "ㄜ": "呃", "ㄝ": "耶", "ㄞ": "爱", "ㄟ": "诶", "ㄠ": "噢", "ㄡ": "喔", "ㄣ": "嗯", "ㄥ": "嗯",
}  # fmt: skip
_ABBREVIATED = {
    "ㄏㄏ": "呵呵", "ㄏㄏㄏ": "呵呵", "ㄎㄎ": "呵呵", "ㄅㄅ": "拜拜", "ㄒㄒ": "谢谢", "ㄏㄞ": "嗨", "ㄏㄟ": "嘿", "ㄟㄟ": "诶诶",
}  # fmt: skip

# What Taiwan says otherwise than pypinyin, which says it as the mainland does; and 不 and 一 as they are typed.
_TAIWAN = {
    "不": "ㄅㄨˋ", "一": "ㄧ",
    "期": "ㄑㄧˊ", "息": "ㄒㄧˊ", "熄": "ㄒㄧˊ", "暂": "ㄓㄢˋ", "档": "ㄉㄤˇ", "识": "ㄕˋ", "突": "ㄊㄨˊ", "括": "ㄍㄨㄚ", "微": "ㄨㄟˊ",
    "夹": "ㄐㄧㄚˊ", "击": "ㄐㄧˊ", "质": "ㄓˊ", "储": "ㄔㄨˊ", "署": "ㄕㄨˋ", "播": "ㄅㄛˋ", "绩": "ㄐㄧ", "危": "ㄨㄟˊ", "携": "ㄒㄧ",
    "综": "ㄗㄨㄥˋ", "伪": "ㄨㄟˋ", "迹": "ㄐㄧ", "谁": "ㄕㄟˊ", "垃": "ㄌㄜˋ", "圾": "ㄙㄜˋ", "血": "ㄒㄧㄝˇ", "叔": "ㄕㄨˊ", "亚": "ㄧㄚˇ",
}  # fmt: skip
# Of characters with several sounds, the one that no other character has more often.
_USUAL = {
    "ㄉㄜˊ": "得", "ㄇㄟˊ": "没", "ㄏㄞˊ": "还", "ㄍㄜ˙": "个", "ㄔㄨㄥˊ": "重", "ㄏㄤˊ": "行", "ㄍㄥ": "更", "ㄌㄧㄠˇ": "了", "ㄔㄨˇ": "处",
    "ㄧㄥˋ": "应", "ㄎㄨㄥˋ": "空", "ㄉㄨ": "都", "ㄧㄠ": "要", "ㄕㄨˇ": "数", "ㄔㄞ": "差", "ㄉㄤˋ": "当", "ㄓㄨㄢˋ": "转", "ㄍㄢ": "干", "ㄔㄚ": "差",
    "ㄑㄧㄝ": "切", "ㄊㄢˊ": "弹", "ㄆㄧㄢˊ": "便", "ㄗˇ": "子",
}  # fmt: skip

# The most frequent character of each sound in the examples of data/topics and data/flows, most frequent first.
_CHARACTERS = (
    "我的码不吗要么了一是证有到没密登用怎验信会在手机入哪能那什次开人还上以错可电发收来几打下锁去数个天字期你通解寄户里号后多令牌单资想知时这被过新换就好回点说凭话件"
    "出都改停进给们延帮投邮看智录请股箱成封讯输报办展面按银掉为组现结关填冻续页才久问等前定提同生把交帐补年短两先也接只台日对完直双查样跟快误脑客子太简做系别三网编住"
    "家间盘算设弄国刚第今转谁票选效大始申服软送写分易明公从重六方行买安少小得启统失外老二口每卖拿着忘月认找些全复又保中变早让本卡货醒取最种跳文司联传吧真格该叫券张何"
    "价退装反款流需法常讲五因他显门经当西烦走妈呢消带永放东额底息体啥儿员谢器很港度高车骤果笔麻败英告修长条份白规清却管除费诉照准图专料脸昨内骗秒钮版操免听挡然存整包"
    "托丢跑民乱赶无零差爸剩周签络表懂串班商干晚删主空性怕学恢区营委利影四断离紧急念挂偷假税八暂状海情币求慢推死活啊目切刷眼领弹如预栏炒受融耐仓约啦项配窗抽列搞满红共"
    "怪拨览印况持库则超房色产万母语飞拒热光率诈咋柜星滑扣割绑套猜圈总冒静水闪女端场购遗询七花运铁跌类替馈贴朋借顺呀标答吃冲翻环故百忙阿坏绝黑鱼读婆命抢撤损漏居破缴院"
    "喔您害垃者导概南册强量冷哈赔折追科雷品岁旁勾微模随遮婚趟含碰普聊远局踢湾特孙晒参考旅偏增警洗皮债爷啰拉叮饭北混抖亲略君稍搜协亏派框逐触肉频靠压晨并扰驳掰猫优轮塞"
    "菜将层夫租黄沽省奶广更抓灌招烂冰堆桌藏临腾火足牛狗趁农匹纯批匣称括此缩拥词贼庆昌链阵春欸阳龙咖杂悔横夹悄澳温鬼征举毛刀残匙摸喝罚播团王亚肯偶造稳拔坡尔忽怀妙爱咪"
    "降槛扫嗯痛赠巧牙隐透米许杀迷夸慌渠踪欧迪搭雪卓宽绍拍否泡脆综群闲捞欢养崩屋嗨恩凶赎创雄楼苗锅胎齁嘎碟府左埋洽凉挑酸敦粘吞歪究逼湖梦窝虎判宣顶琼草劳勤闯恶撬踩唱审"
    "尼苦论豆赛赏仔虾齿酥臭肥松猪瞅掂俩闰咧催遭堵探跨杯扔秋篡槽吹云尬骚扯朵床敏缓娘散爬艮嘞哦蛤闩凯惨顿抛逆撮趴卤眠葡萄傻绕筹侨拼聘讨踏丙娃萨闹柠嘴擦粉灭帅噗滚喵卜"
)
# And of sounds that do not occur there, in pypinyin's dictionary of phrases.
_OTHERS = (
    "若土善瓦蛇俗胆丧朝汤凤蒙魂汗堂溜烟寸谋浅奔鹤卷喷寡枕狼穿悬浪枪逢闷鸟衰舍摇夺轴撒雕钻毫染屯柳削铺枯罗薄卧怒熏威恨朽飘赤尿绳棍垂洒贪柔详粗桑孔渊忍尊抹灾堕困犬狂暖"
    "骂寝卵刊秀且瞒凿奏宾昧鼻禅缺焚塔炉晕村兔熬辱柴宅阔赞侯爽绰壳盆剖摘扁棱抗颤肘逞访攀硕腿坑翁倦谬奴蚌哄拱虐凹呆袍拓滔赖歹挠梗匪腊驴喊慎醋锐赃秤朗欠眩猛耍晃痕轰饶峻"
    "捐伞壤坠奢嫩豁颓昂诺亨乖允筛艇坦宠厦瞪捻蹦烹咬森拈秃凑喘拐鳖袜矮簸聪哇郎熊某佛仍润扎"
)
# Words and pieces of words of the same examples that the most frequent characters get wrong, the worst first.
_WORDS = """
    自己 程式 证书 时候 之后 自动 同步 指纹 画面 风险 成功 处理 问题 意思 登记 那边 一步 地址 方式 显示 起来 步骤 没收 知道 分钟
    动态 半夜 初始 提示 已经 平台 限制 操作 马上 礼拜 平板 流动 位数 忘记 那支 户头 营业 服务 旧的 正常 准备 地方 之前 网路 再来
    正确 不见 业员 作废 再发 原因 基金 漫游 确认 工作 来得及 下午 网站 核对 检核 突然 立刻 因素 延长 状态 功能 流程 被盗 必须 根本
    萤幕 这边 一起 倒数 名字 异常 当初 浏览 美国 香港 业务 小孩 干嘛 择权 毕业 睡觉 线上 一支 不动 人工 好神 朋友 热线 美股 一遍
    二十 半天 另一 最近 清楚 留的 获取 陌生 单位 确定 选择 关闭 再解 在睡 应该 没动 视窗 连结 工程师 一半 专线 九点 垃圾 所有 落盘
    键盘 不敢 休市 意义 旧手 查查 汇款 连线 上限 几遍 原来 同事 名单 孩子 影响 打的 活动 眼睛 经理 证金 上午 使用 再见 午休 半年
    原本 少钱 故障 旁边 案件 理由 签章 管理 美金 苹果 长辈 间隔 阶段 不要再 人理 任何 停权 哪边 夜盘 学校 小心 年纪 开头 强制 截图
    推荐 纪大 西元 下载 两步 中午 二步 全部 其他 十分 台指 哪支 授权 数位 灰的 理财 石沉 离职 等待 纪录 计时 订阅 路径 辨识 钓鱼
    再说一 不符 些事 保护 同意 图形 好像 态度 手指 捷运 灰色 管道 自选 一刻 优惠 六位 内容 再传 十几 图片 外地 奖励 屏蔽 感谢 护照
    拜托 期权 未到 权限 档案 模式 泄露 累计 美元 被骇 请教 酒店 隔天 不记得 一片 余额 停止 全球 几位 十次 印象 周末 境外 头一 官方
    搬到 教学 断线 格式 繁体 语言 退订 重置 选择权 不及 不够 世界 两道 假日 健身 再收 升级 协助 厕所 口头 地铁 尽速 市值 异地 担心
    拜拜 拦截 支付 救命 旧号 汇率 移除 程序 终身 老师 自由 落地 行动 觉得 解决 解释 语音 资金 退休 部分 钱包 防盗 阻止 附件 隔壁
    面容 预留 从头 作用 内地 再讲 农历 凌晨 华南 另外 台风 大陆 延迟 投顾 抽奖 搬家 方便 更正 栏位 没过 涨跌 照片 生物 签名 记住
    设备 部门 陪我 么回事 办公室 一段 三位 不必 中毒 人动 代号 代码 位置 作业 佣金 健保 具体 加一 十封 危险 历史 压根 参加 合并 合约
    四位 均线 备份 外泄 大钱 天再 尾号 屏幕 座机 房贷 技术 指数 排队 搜寻 放弃 旅游 晓得 杠杆 止蚀 涨停 现金 白屏 相容 睡着 移动
    立即 笑话 结束 罐头 网址 背景 脑袋 脸部 落单 记忆 财富 迟迟 钥匙 难道 营业部 认身分 两边 五档 代币 值班 充电 入侵 动静 十万 十岁
    发还 吓到 奇怪 官网 工单 市价 师傅 平仓 损益 换汇 携码 数据 旧电 次再 没事 用意 盗用 目的 碎股 竞价 符合 被扒 记下 记性 证监
    调回 走势 连不 金管 金融 隔多 露出 频繁 首次 首页 驾照 骇客 不认识 记不住 下线 不理 为止 介绍 付费 信任 免得 兑换 入金 六十 兼职
    冒充 冒名 出境 分辨 加坡 印鉴 卸载 启动 喜欢 固定 域名 复制 好处 好累 宝宝 实习 尽快 尾数 山寨 工厂 市话 往哪 快速 怀疑 恭喜
    意见 懒得 执行 承担 指头 指的 放心 木马 根据 模板 欧洲 正规 注册 渠道 游泳 理专 电视 男友 留学 留过 疫苗 监护 监管 称呼 移民
    符号 答应 箭头 线图 组合 经纪 结案 置物 翻译 董事 蛋糕 装置 记在 记本 评估 豁免 责任 赠与 转返 还原 违约 迟到 配合 防伪 除权
    集合 餐厅 黄金 不想再 加载不 十一点 对身分 无线网 核实一 记不得 说一遍 一觉 三遍 不起 两支 个位 中华 交所 以为 会议 伺服 作文 保险
    其中 内部 再也 减资 几步 分析 前任 包裹 医院 取代 名称 名词 向谁 回头 国际 圆圈 均价 现在 增加 声明 失窃 定义 审核 容许 山上
    崩溃 已使 市场 帮助 干净 廿四 当地 影片 快递 户籍 手术 担保 放假 数已 日历 时段 春节 横线 正版 洗澡 灰灰 电梯 留给 相信 相关
    积分 纪念 老鼠 耳机 股市 蓝色 行李 表示 警察 读书 调高 购物 贷款 身上 载入 辈子 辛苦 边的 遮罩 那道 部电 销户 长度 防什 防谁
    限额 预付 饭店 验身 一句话 事务所 会涨吗 看得懂 确认身 第二道 一般 一通 三角 下雨 上一句 不亮 中心 中风 为什 了账 互相 交友 亲自
    今天 代理 任职 休假 休息 休金 会计 早安 午安 晚安 您好 谢谢 展延 续证 诈骗 收不到 登不进去 莫名其妙 护理站 巧克力
"""
